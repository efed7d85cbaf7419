#include "journal/local/open_journals.h"

#include <algorithm>
#include <utility>

namespace range {

namespace {

constexpr size_t kRecentJournals = 4096;  // kept open for their next use

// Where what is at `path` is when what was at `from` is at `to`, if it was that or in it.
std::optional<std::string> moved_path(std::string_view path, std::string_view from,
                                      std::string_view to) {
  if (!path.starts_with(from)) return std::nullopt;
  const std::string_view rest = path.substr(from.size());
  if (!rest.empty() && rest.front() != '/') return std::nullopt;
  return std::string(to) + std::string(rest);
}

}  // namespace

std::shared_ptr<LocalJournal> OpenJournals::known(JournalId id) {
  const auto found = journals_.find(id);
  return found == journals_.end() ? nullptr : found->second.lock();
}

std::shared_ptr<LocalJournal> OpenJournals::find(JournalId id) {
  std::shared_ptr<LocalJournal> unused;  // let go of without the lock
  MutexLock lock(mutex_);
  auto journal = known(id);
  if (!journal || !journal->is_end_unreadable()) return journal;
  const auto recent = std::find(recent_.begin(), recent_.end(), journal);
  const long ours = recent == recent_.end() ? 1 : 2;
  if (journal.use_count() > ours) return journal;
  if (recent != recent_.end()) recent_.erase(recent);
  journals_.erase(id);
  unused = std::move(journal);
  return nullptr;
}

std::optional<OpenJournals::Opening> OpenJournals::begin(JournalId id, std::string_view path) {
  MutexLock lock(mutex_);
  if (known(id) || !opening_.emplace(id, path).second) return std::nullopt;
  return Opening(*this, id);
}

void OpenJournals::wait_until_opened(JournalId id) {
  MutexLock lock(mutex_);
  while (opening_.contains(id)) opened_.wait(mutex_);
}

void OpenJournals::end(JournalId id) {
  {
    MutexLock lock(mutex_);
    opening_.erase(id);
  }
  opened_.notify_all();
}

void OpenJournals::take(JournalId id, const std::shared_ptr<LocalJournal>& journal) {
  MutexLock lock(mutex_);
  journals_[id] = journal;
  if (const std::string& path = opening_[id]; journal->path() != path) journal->set_path(path);
}

void OpenJournals::note_use(const std::shared_ptr<LocalJournal>& journal) {
  journal->note_opened();
  std::shared_ptr<LocalJournal> oldest;  // let go of without the lock
  MutexLock lock(mutex_);
  if (!journal->is_removed()) oldest = remember(journal);
}

void OpenJournals::add(const std::shared_ptr<LocalJournal>& journal) {
  std::shared_ptr<LocalJournal> oldest;
  MutexLock lock(mutex_);
  journals_[journal->id()] = journal;
  oldest = remember(journal);
}

// Returns the one that was used longest ago, if there are too many now.
std::shared_ptr<LocalJournal> OpenJournals::remember(const std::shared_ptr<LocalJournal>& journal) {
  if (journal->set_recent(true)) return nullptr;
  recent_.push_front(journal);
  if (recent_.size() <= kRecentJournals) return nullptr;
  auto oldest = std::move(recent_.back());
  oldest->set_recent(false);
  recent_.pop_back();
  return oldest;
}

std::shared_ptr<LocalJournal> OpenJournals::note_removed(JournalId id) {
  MutexLock lock(mutex_);
  auto journal = known(id);
  if (!journal) return nullptr;
  journal->note_removed();
  // Who removes it has just opened it: it is the first one.
  const auto recent = std::find(recent_.begin(), recent_.end(), journal);
  if (recent != recent_.end()) recent_.erase(recent);
  return journal;
}

void OpenJournals::note_moved(std::string_view from, std::string_view to) {
  MutexLock lock(mutex_);
  for (const auto& [id, weak] : journals_) {
    const auto journal = weak.lock();
    if (!journal) continue;
    if (auto path = moved_path(journal->path(), from, to)) journal->set_path(*std::move(path));
  }
  for (auto& [id, path] : opening_) {
    if (auto moved = moved_path(path, from, to)) path = *std::move(moved);
  }
}

void OpenJournals::let_go_of_idle() {
  Recent idle;  // let go of without the lock
  MutexLock lock(mutex_);
  for (auto recent = recent_.begin(); recent != recent_.end();) {
    const auto next = std::next(recent);
    if (!(*recent)->opened_since() && recent->use_count() == 1) {
      (*recent)->set_recent(false);
      idle.splice(idle.end(), recent_, recent);
    }
    recent = next;
  }
}

void OpenJournals::let_go_of_unused() {
  Recent all;  // let go of without the lock
  MutexLock lock(mutex_);
  all.swap(recent_);
  for (const auto& journal : all) journal->set_recent(false);
}

void OpenJournals::forget_closed() {
  MutexLock lock(mutex_);
  std::erase_if(journals_, [](const auto& item) { return item.second.expired(); });
}

}  // namespace range
