// Which boot of a machine.
#pragma once

#include <array>
#include <cstddef>

namespace range {

using BootId = std::array<std::byte, 16>;  // differs after every boot

}  // namespace range
