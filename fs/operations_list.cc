// Listing directories.
#include <algorithm>
#include <cerrno>

#include "fs/errno_map.h"
#include "fs/names.h"
#include "fs/operations.h"
#include "journal/base/result_macros.h"

namespace rangefs {

namespace {

// Offsets are those of the store, which are those of the file system below: any number from 1 to
// 2^63 - 1 (they are off_t), and their order says nothing. These two, behind "." and "..", are
// ones that no file system gives: ext4 has a hash of 31 bits above 32 more bits, and never uses the
// hash of all ones but for the end, where the other bits are ones as well; the others count up from
// small numbers, and end at 2^31 - 1 or 2^63 - 1.
constexpr uint64_t kBehindSelf = 0x7fffffff'00000001;
constexpr uint64_t kBehindParent = 0x7fffffff'00000002;

// How many entries of a directory are kept in memory.
constexpr size_t kPageEntriesMax = 1024;

// The index of the entry at `offset`; nothing if a page that begins at `from` does not tell it.
std::optional<size_t> index_in(const range::NamesPage& page, uint64_t from, uint64_t offset) {
  size_t index = 0;
  if (offset != from) {
    const auto before = std::ranges::find(page.entries, offset, &range::NamedEntry::next);
    if (before == page.entries.end()) return std::nullopt;
    index = static_cast<size_t>(before - page.entries.begin()) + 1;
  }
  if (index == page.entries.size() && page.next) return std::nullopt;
  return index;
}

}  // namespace

Result<uint64_t> Operations::parent_inode(const DirectoryNode& directory) const {
  ASSIGN_OR_RETURN(const Node parent, node(directory.parent));
  return directory_inode(std::get<DirectoryNode>(parent).inode);
}

Status Operations::list(HandleId id, uint64_t offset, size_t entries_max, const Lister& lister) {
  ASSIGN_OR_RETURN(const auto opened, handle(id));
  auto* const listed = std::get_if<DirectoryHandle>(opened.get());
  if (listed == nullptr) return refused(ENOTDIR);
  ASSIGN_OR_RETURN(const Node found, node(listed->directory));
  const auto& directory = std::get<DirectoryNode>(found);
  const range::MutexLock lock(listed->mutex);
  if (offset == 0) {
    listed->page.reset();
    if (!lister({".", directory_inode(directory.inode), true, kBehindSelf})) return {};
    offset = kBehindSelf;
  }
  if (offset == kBehindSelf) {
    ASSIGN_OR_RETURN(const uint64_t parent, parent_inode(directory));
    if (!lister({"..", parent, true, kBehindParent})) return {};
    offset = kBehindParent;
  }
  return list_names(*listed, offset == kBehindParent ? 0 : offset, entries_max, lister);
}

Status Operations::list_names(DirectoryHandle& listed, uint64_t offset, size_t entries_max,
                              const Lister& lister) {
  for (size_t shown = 0;;) {
    auto index = listed.page ? index_in(*listed.page, listed.from, offset) : std::nullopt;
    if (!index) {
      RETURN_IF_ERROR(read_page(listed, offset, entries_max));
      index = 0;
    }
    for (; *index < listed.page->entries.size(); ++*index) {
      const auto& [name, entry, next] = listed.page->entries[*index];
      if (is_reserved(name, listed.directory == kRootNode)) continue;  // not reached by this name
      const bool is_directory = entry.kind == range::EntryKind::kDirectory;
      const uint64_t inode =
          is_directory ? directory_inode(entry.id) : journal_inode(JournalId(entry.id));
      if (!lister({name.c_str(), inode, is_directory, next})) return {};
      ++shown;
    }
    if (!listed.page->next || shown >= entries_max) return {};
    offset = *listed.page->next;  // the page may have been empty, too
  }
}

Status Operations::read_page(DirectoryHandle& listed, uint64_t from, size_t entries_max) {
  // Who reads on reads on for long.
  const size_t entries = listed.page ? kPageEntriesMax : std::min(entries_max, kPageEntriesMax);
  const range::SharedLock lock(tree_.names);
  ASSIGN_OR_RETURN(const std::string path, path_of(listed.directory));
  ASSIGN_OR_RETURN(listed.page, tree_.store.list(path, from, entries));
  listed.from = from;
  return {};
}

}  // namespace rangefs
