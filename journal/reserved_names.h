// Names that a mount gives a meaning of its own, or will in a later version. The engine knows none
// of them: they are here for whoever makes journals for a mount.
#pragma once

#include <string_view>

namespace range {

// Whether no journal and no directory of a mount can have this name. `at_root`: in the topmost
// directory.
bool is_reserved(std::string_view name, bool at_root);

}  // namespace range
