#include "journal/local/attributes_file.h"

#include <vector>

#include "journal/base/result_macros.h"
#include "journal/chunk/read_around.h"

namespace range {

Result<StoredAttributes> read_attributes(Env& env, const Path& path) {
  constexpr size_t kBytesMax = 4096;
  const auto opened = env.open(path, Env::OpenMode::kRead);
  if (!opened && unreadable(opened.error())) return as_damage(opened.error());
  if (!opened) return opened.error();
  std::vector<std::byte> text(kBytesMax);
  ASSIGN_OR_RETURN(const ReadAround read, read_around(**opened, 0, text));
  if (read.unreadable) return as_damage(*read.unreadable);
  const auto stored = decode_attributes(as_text(ConstBytes(text).first(read.bytes)));
  if (!stored) return Error{.code = Errc::kCorrupt, .sys_errno = 0, .context = path.string()};
  return *stored;
}

Status create_attributes(Env& env, const Path& path, const StoredAttributes& stored) {
  ASSIGN_OR_RETURN(const auto created, env.open(path, Env::OpenMode::kCreateNew));
  return created->write_at(0, as_bytes(encode_attributes(stored)));
}

Status replace_attributes(Env& env, const Path& path, const Path& temporary,
                          const StoredAttributes& stored) {
  auto created = env.open(temporary, Env::OpenMode::kCreateNew);
  if (!created && created.error().code == Errc::kExists) {
    RETURN_IF_ERROR(env.remove_file(temporary));  // from a process that died here
    created = env.open(temporary, Env::OpenMode::kCreateNew);
  }
  if (!created) return std::move(created).error();
  RETURN_IF_ERROR((*created)->write_at(0, as_bytes(encode_attributes(stored))));
  // Before the name changes hands: power loss must leave the old contents or the new.
  RETURN_IF_ERROR((*created)->sync_data());
  return env.rename(temporary, path, true);
}

}  // namespace range
