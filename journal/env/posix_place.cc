#include "journal/env/posix_place.h"

#include <climits>
#include <string>
#include <string_view>
#include <utility>

#include "journal/env/posix_file.h"

namespace range {

Result<PosixPlace> PosixPlace::find(const char* operation, const Path& path) {
  constexpr size_t kBytesMax = PATH_MAX - 1;  // without the zero at the end
  constexpr int kFlags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  PosixPlace place({}, path.c_str());
  for (std::string_view rest = path.native(); rest.size() > kBytesMax;) {
    const size_t slash = rest.rfind('/', kBytesMax);
    if (slash == std::string_view::npos || slash == 0) break;  // no name is that long
    const std::string way(rest.substr(0, slash));
    Fd directory(
        retry_interrupted([&] { return ::openat(place.directory(), way.c_str(), kFlags); }));
    if (!directory) return posix_look_error(operation, path);
    rest.remove_prefix(slash + 1);
    place = PosixPlace(std::move(directory), rest.data());
  }
  return place;
}

}  // namespace range
