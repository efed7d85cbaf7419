#include "journal/chunk/read_around.h"

#include <algorithm>
#include <cerrno>

#include "journal/base/region.h"
#include "journal/base/result_macros.h"

namespace range {

namespace {

// Page caches fail by pages of their own.
Result<ReadAround> read_pages(ByteSource& source, uint64_t offset, MutableBytes into) {
  ASSIGN_OR_RETURN(const uint64_t size, source.size());
  into = into.first(std::min<uint64_t>(into.size(), size - std::min(size, offset)));
  ReadAround read;
  while (read.bytes < into.size()) {
    const uint64_t at = offset + read.bytes;
    const size_t to_page_end = page_bytes() - static_cast<size_t>(at % page_bytes());
    const MutableBytes page =
        into.subspan(read.bytes, std::min(to_page_end, into.size() - read.bytes));
    const auto got = source.read_at(at, page);
    if (!got && !unreadable(got.error())) return got.error();
    if (!got) {
      std::fill(page.begin(), page.end(), std::byte{0});
      if (!read.unreadable) read.unreadable = got.error();
    }
    read.bytes += got ? *got : page.size();
    if (got && *got < page.size()) break;
  }
  return read;
}

}  // namespace

bool unreadable(const Error& error) {
  switch (error.sys_errno) {
    case EIO:
    case EBADMSG:
    case EILSEQ:
    case ENODATA:
    case EREMOTEIO:
    case EUCLEAN:
      return error.code == Errc::kIo;
    default:
      return false;
  }
}

Error as_damage(Error error) {
  error.code = Errc::kCorrupt;
  return error;
}

Result<ReadAround> read_around(ByteSource& source, uint64_t offset, MutableBytes into) {
  const auto whole = source.read_at(offset, into);
  if (whole) return ReadAround{.bytes = *whole, .unreadable = {}};
  if (!unreadable(whole.error())) return whole.error();
  return read_pages(source, offset, into);
}

}  // namespace range
