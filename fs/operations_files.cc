// Operations on what names lead to: attributes, reading, appending.
#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "fs/errno_map.h"
#include "fs/operations.h"
#include "journal/base/result_macros.h"

namespace rangefs {

using range::EntryKind;

namespace {

bool is_empty(const range::Extent& extent) {
  return extent.begin.offset == extent.end.offset && extent.begin.record == extent.end.record;
}

// Appends zeros to a journal that ends at `end` up to `at`, and `data`, all of it or nothing.
// Returns the end behind it.
Result<ByteOffset> append_behind_hole(Journal& journal, ByteOffset end, ByteOffset at,
                                      ConstBytes data) {
  const uint64_t hole = at - end;
  if (hole > Operations::kHoleBytesMax) return refused(EFBIG);
  std::vector<std::byte> bytes(hole + data.size());
  std::ranges::copy(data, bytes.begin() + static_cast<std::ptrdiff_t>(hole));
  return journal.append(bytes, end);
}

// Likewise of an open file, which takes note of it.
Result<ByteOffset> append_behind_hole(const JournalHandle& file, ByteOffset at, ConstBytes data) {
  const auto end = file.filling ? file.filling->end() : std::nullopt;
  if (!end || at < *end) return refused(EPERM);
  ASSIGN_OR_RETURN(const ByteOffset filled, append_behind_hole(*file.journal, *end, at, data));
  file.filling->appended(filled - *end, filled);
  return filled;
}

size_t copy_text(const std::string& text, uint64_t offset, MutableBytes into) {
  const size_t begin = std::min<uint64_t>(offset, text.size());
  const size_t count = std::min(into.size(), text.size() - begin);
  std::ranges::copy(range::as_bytes(text).subspan(begin, count), into.begin());
  return count;
}

// EAGAIN where it would have to wait, for who must not.
Result<size_t> read_now(Journal& journal, ByteOffset from, MutableBytes into) {
  ASSIGN_OR_RETURN(const auto count, journal.read_at_once(from, into));
  return count ? Result<size_t>(*count) : refused(EAGAIN);
}

}  // namespace

Result<std::unique_ptr<Operations>> Operations::create(range::Store& store, FsOptions options,
                                                       Notices& notices) {
  ASSIGN_OR_RETURN(const auto root, store.look_up(""));
  if (!root) return Error{Errc::kNotFound, 0, options.store};
  return std::unique_ptr<Operations>(new Operations(store, std::move(options), notices, root->id));
}

Operations::Operations(range::Store& store, FsOptions options, Notices& notices,
                       uint64_t root_inode)
    : tree_(store, std::move(options), root_inode), notices_(notices) {}

Result<Node> Operations::node(NodeId id) const {
  auto found = tree_.nodes.find(id);
  if (!found) return refused(ESTALE);
  return *std::move(found);
}

Result<std::shared_ptr<Handle>> Operations::handle(HandleId id) const {
  auto found = handles_.find(id);
  if (found == nullptr) return refused(EBADF);
  return found;
}

struct stat Operations::attributes_of(const ViewNode& view) {
  const bool linked = tree_.nodes.place(view.journal->id()).has_value();
  return view_attributes(*view.journal, view.base, linked, tree_.usage);
}

Result<struct stat> Operations::attributes_of(NodeId id, const Node& node) {
  if (const auto* view = std::get_if<ViewNode>(&node)) return attributes_of(*view);
  if (const auto* directory = std::get_if<DirectoryNode>(&node)) {
    if (const auto last = tree_.nodes.last_attributes(id)) return *last;
    ASSIGN_OR_RETURN(const std::string path, path_of(id));
    ASSIGN_OR_RETURN(const std::optional<range::Entry> entry, tree_.store.look_up(path));
    if (!entry || entry->id != directory->inode) return refused(ENOENT);
    ASSIGN_OR_RETURN(const Attributes stored, tree_.store.directory_attributes(path));
    return rangefs::directory_attributes(stored, *entry);
  }
  const auto& control = std::get<ControlNode>(node);
  const uint64_t size = controls_.usual_size(control);
  if (control.journal != nullptr) {
    const auto st = attributes_of(ViewNode{control.journal, {}});
    return control_attributes(st, control.journal->id().value(), control.kind, size);
  }
  ASSIGN_OR_RETURN(const Node directory, this->node(control.directory));
  ASSIGN_OR_RETURN(const struct stat st, attributes_of(control.directory, directory));
  return control_attributes(st, std::get<DirectoryNode>(directory).inode, control.kind, size);
}

bool Operations::attributes_wait(NodeId id) const {
  const auto found = tree_.nodes.find(id);
  const auto* control = found ? std::get_if<ControlNode>(&*found) : nullptr;
  return control != nullptr && ControlFiles::size_waits(*control);
}

Result<struct stat> Operations::attributes(NodeId id, const Caller& caller) {
  ASSIGN_OR_RETURN(const Node found, node(id));
  const auto* control = std::get_if<ControlNode>(&found);
  std::optional<uint64_t> size;
  if (control != nullptr) {
    const auto known = controls_.size(*control, caller);
    if (!known && to_errno(known.error()) != ENOENT) return known.error();
    size = known ? *known : 0;  // of a removed directory
  }
  ASSIGN_OR_RETURN(struct stat st, attributes_to_answer(id, found));
  if (size) st.st_size = static_cast<off_t>(*size);
  return st;
}

Result<struct stat> Operations::attributes_to_answer(NodeId id, const Node& node) {
  const range::SharedLock lock(tree_.names);
  tree_.nodes.attributes_answered(id);
  return attributes_of(id, node);
}

bool Operations::attributes_last(NodeId id) const {
  // Those of a control file change with its journal's, and nobody tells the kernel.
  const auto found = tree_.nodes.find(id);
  return found && !std::holds_alternative<ControlNode>(*found);
}

Status Operations::store_attributes(NodeId id, const Node& node, const AttributeChange& change) {
  const range::MutexLock lock(tree_.settings);
  if (const auto* view = std::get_if<ViewNode>(&node)) {
    return store_attributes(*view->journal, change);
  }
  ASSIGN_OR_RETURN(const std::string path, path_of(id));
  if (change.mode || change.uid || change.gid) {
    ASSIGN_OR_RETURN(Attributes stored, tree_.store.directory_attributes(path));
    stored.mode = change.mode.value_or(stored.mode) & 07777;
    stored.uid = change.uid.value_or(stored.uid);
    stored.gid = change.gid.value_or(stored.gid);
    RETURN_IF_ERROR(tree_.store.set_directory_attributes(path, stored));
  }
  return change.modified ? tree_.store.set_directory_modified(path, *change.modified) : Status();
}

Status Operations::store_attributes(Journal& journal, const AttributeChange& change) {
  Attributes stored = journal.attributes();
  stored.mode = mode_of_journal(change.mode.value_or(stored.mode));
  stored.uid = change.uid.value_or(stored.uid);
  stored.gid = change.gid.value_or(stored.gid);
  note_change(stored, journal, change.modified);
  return journal.set_attributes(stored);
}

// Growing is filling a hole at the end: through the handle of a copy or, by name, of an empty file.
Status Operations::resize(NodeId id, const ViewNode& view, uint64_t size,
                          std::optional<HandleId> through) {
  const range::Extent extent = view.journal->extent();
  const ByteOffset end = view.base + size;
  if (end == extent.end.offset) return {};
  if (through) {
    ASSIGN_OR_RETURN(const auto opened, handle(*through));
    const auto* file = std::get_if<JournalHandle>(opened.get());
    if (file == nullptr) return refused(EBADF);
    RETURN_IF_ERROR(append_behind_hole(*file, end, {}));
  } else {
    if (!is_empty(extent) || end < extent.end.offset) return refused(EPERM);
    RETURN_IF_ERROR(append_behind_hole(*view.journal, extent.end.offset, end, {}));
  }
  announce_change(*view.journal, id);
  notices_.grown(view.journal->id());
  return {};
}

Result<struct stat> Operations::set_attributes(NodeId id, const AttributeChange& change,
                                               std::optional<HandleId> through) {
  ASSIGN_OR_RETURN(const Node found, node(id));
  const bool owner_or_mode = change.mode || change.uid || change.gid;
  if (std::holds_alternative<ControlNode>(found)) {
    if (owner_or_mode) return refused(EPERM);
    return attributes_to_answer(id, found);  // a shell's O_TRUNC is harmless
  }
  const auto* view = std::get_if<ViewNode>(&found);
  if (change.size) {
    if (view == nullptr) return refused(EISDIR);
    RETURN_IF_ERROR(resize(id, *view, *change.size, through));
  }
  if (owner_or_mode || change.modified) {
    {
      const range::SharedLock lock(tree_.names);
      RETURN_IF_ERROR(store_attributes(id, found, change));
    }
    if (view != nullptr) announce_change(*view->journal, id);
  }
  return attributes_to_answer(id, found);
}

void Operations::announce_change(const Node& node, NodeId except) {
  if (const auto* view = std::get_if<ViewNode>(&node)) announce_change(*view->journal, except);
}

void Operations::announce_change(const Journal& journal, NodeId except) {
  for (const NodeId id : tree_.nodes.take_answered(journal.id(), except)) {
    notices_.attributes_changed(id);
  }
}

bool Operations::open_waits(NodeId id, Access access) const {
  const auto found = tree_.nodes.find(id);
  const auto* control = found ? std::get_if<ControlNode>(&*found) : nullptr;
  return control != nullptr && access.reads && controls_.open_waits(*control);
}

Result<HandleId> Operations::open(NodeId id, Access access, const Caller& caller) {
  ASSIGN_OR_RETURN(Node found, node(id));
  if (auto* view = std::get_if<ViewNode>(&found)) {
    const range::Extent extent = view->journal->extent();
    auto filling = is_empty(extent) ? std::make_unique<Filling>(extent.end.offset) : nullptr;
    return handles_.open(
        JournalHandle{id, std::move(view->journal), view->base, std::move(filling)});
  }
  if (auto* control = std::get_if<ControlNode>(&found)) {
    ControlHandle opened{*control, {}};
    if (access.reads) {
      ASSIGN_OR_RETURN(opened.text, controls_.open(*control, caller));
    }
    return handles_.open(std::move(opened));
  }
  return refused(EISDIR);
}

Result<HandleId> Operations::open_directory(NodeId id) {
  ASSIGN_OR_RETURN(const Node found, node(id));
  if (!std::holds_alternative<DirectoryNode>(found)) return refused(ENOTDIR);
  return handles_.open_directory(id);
}

Result<size_t> Operations::read(HandleId id, uint64_t offset, MutableBytes into) {
  return read(id, offset, into, Waiting::kMayWait);
}

Result<std::optional<size_t>> Operations::read_at_once(HandleId id, uint64_t offset,
                                                       MutableBytes into) {
  const auto count = read(id, offset, into, Waiting::kAtOnce);
  if (count) return std::optional(*count);
  if (to_errno(count.error()) == EAGAIN) return std::optional<size_t>();
  return count.error();
}

Result<size_t> Operations::read(HandleId id, uint64_t offset, MutableBytes into, Waiting waiting) {
  ASSIGN_OR_RETURN(const auto opened, handle(id));
  if (const auto* control = std::get_if<ControlHandle>(opened.get())) {
    if (control->text == nullptr) return refused(EBADF);
    return copy_text(*control->text, offset, into);
  }
  const auto* file = std::get_if<JournalHandle>(opened.get());
  if (file == nullptr) return refused(EISDIR);
  const bool at_once = waiting == Waiting::kAtOnce;
  // The page cache takes a short read for the end of the file, so go on until there is no more.
  size_t done = 0;
  while (done < into.size()) {
    const ByteOffset from = file->base + offset + done;
    const MutableBytes rest = into.subspan(done);
    const auto count =
        at_once ? read_now(*file->journal, from, rest) : file->journal->read(from, rest);
    if (!count && at_once && to_errno(count.error()) == EAGAIN) return count.error();
    if (!count) {
      tree_.damage.note(file->journal->id(), count.error());
      if (done > 0) break;  // what precedes the damage is readable
      return count.error();
    }
    if (*count == 0) break;
    done += *count;
  }
  return done;
}

Status Operations::append(HandleId id, ConstBytes data, uint64_t offset, bool at_end) {
  ASSIGN_OR_RETURN(const auto opened, handle(id));
  const auto* file = std::get_if<JournalHandle>(opened.get());
  if (file == nullptr) return refused(EBADF);
  const ByteOffset at = file->base + offset;
  if (!at_end && at > file->journal->extent().end.offset) {
    RETURN_IF_ERROR(append_behind_hole(*file, at, data));
  } else {
    ASSIGN_OR_RETURN(const ByteOffset end,
                     file->journal->append(data, at_end ? std::nullopt : std::optional(at)));
    if (file->filling) file->filling->appended(data.size(), end);
  }
  announce_change(*file->journal, file->node);
  notices_.grown(file->journal->id());
  return {};
}

Status Operations::allocate(HandleId id, uint64_t offset, uint64_t length, int mode) {
  ASSIGN_OR_RETURN(const auto opened, handle(id));
  const auto* file = std::get_if<JournalHandle>(opened.get());
  if (file == nullptr || (mode & ~FALLOC_FL_KEEP_SIZE) != 0) return refused(EOPNOTSUPP);
  if ((mode & FALLOC_FL_KEEP_SIZE) != 0) return {};
  // Not EOPNOTSUPP, for which posix_fallocate(3) writes a NUL byte where the file should end.
  const bool there = file->base + offset + length <= file->journal->extent().end.offset;
  return there ? Status() : refused(EPERM);
}

std::optional<JournalId> Operations::journal_of(HandleId id) const {
  const auto opened = handles_.find(id);
  const auto* file = opened ? std::get_if<JournalHandle>(opened.get()) : nullptr;
  return file != nullptr ? std::optional(file->journal->id()) : std::nullopt;
}

std::optional<ControlKind> Operations::control_kind(HandleId id) const {
  const auto opened = handles_.find(id);
  const auto* control = opened ? std::get_if<ControlHandle>(opened.get()) : nullptr;
  return control != nullptr ? std::optional(control->control.kind) : std::nullopt;
}

Result<std::optional<JournalId>> Operations::command(HandleId id, std::string_view text,
                                                     const Caller& caller) {
  ASSIGN_OR_RETURN(const auto opened, handle(id));
  const auto* control = std::get_if<ControlHandle>(opened.get());
  if (control == nullptr) return refused(EBADF);
  return controls_.run(control->control, text, caller);
}

Status Operations::sync(HandleId id) {
  ASSIGN_OR_RETURN(const auto opened, handle(id));
  const auto* file = std::get_if<JournalHandle>(opened.get());
  if (file == nullptr) return {};  // control files hold nothing
  const auto durable = file->journal->sync();
  if (!durable) return durable.error();
  return {};
}

Result<std::string> Operations::property(NodeId id, std::string_view name) {
  ASSIGN_OR_RETURN(const Node found, node(id));
  return properties_.get(id, found, name);
}

Result<std::vector<std::string>> Operations::property_names(NodeId id) {
  ASSIGN_OR_RETURN(const Node found, node(id));
  return properties_.names_set(id, found);
}

Status Operations::set_property(NodeId id, std::string_view name, std::string_view value,
                                SetMode mode) {
  ASSIGN_OR_RETURN(const Node found, node(id));
  RETURN_IF_ERROR(properties_.set(id, found, name, value, mode));
  announce_change(found, id);
  return {};
}

Status Operations::remove_property(NodeId id, std::string_view name) {
  ASSIGN_OR_RETURN(const Node found, node(id));
  RETURN_IF_ERROR(properties_.remove(id, found, name));
  announce_change(found, id);
  return {};
}

Result<struct statvfs> Operations::space() {
  ASSIGN_OR_RETURN(const range::Space space, tree_.store.space());
  constexpr uint64_t kBlock = 4096;
  struct statvfs st {};
  st.f_bsize = kBlock;
  st.f_frsize = kBlock;
  st.f_blocks = space.bytes_total / kBlock;
  st.f_bfree = space.bytes_free / kBlock;
  st.f_bavail = space.bytes_available / kBlock;
  st.f_files = space.files_total;
  st.f_ffree = space.files_free;
  st.f_favail = space.files_free;
  st.f_namemax = kNameBytesMax;
  return st;
}

void Operations::release_all() {
  handles_.clear();
  tree_.nodes.clear();
}

}  // namespace rangefs
