#include "journal/types.h"

namespace range {

std::string_view to_string(Framing framing) { return framing == Framing::kLine ? "line" : "write"; }

}  // namespace range
