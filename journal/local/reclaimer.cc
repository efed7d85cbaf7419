#include "journal/local/reclaimer.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <mutex>
#include <tuple>

#include "journal/local/local_journal.h"
#include "journal/printable.h"

namespace range {

void Reclaimer::add(JournalId id, std::weak_ptr<LocalJournal> journal) {
  MutexLock lock(mutex_);
  removed_[id] = {.journal = std::move(journal), .number = ++last_number_};
}

bool Reclaimer::has(JournalId id) const {
  MutexLock lock(mutex_);
  return removed_.contains(id);
}

Status Reclaimer::run(const Names::Stop& stop) {
  ++wanted_;
  MutexLock running(running_);
  --wanted_;
  return run_locked(std::numeric_limits<size_t>::max(), [&] { return wanted_ > 0 || stop(); });
}

Status Reclaimer::run_briefly() {
  constexpr size_t kFew = 64;
  constexpr std::chrono::milliseconds kPatience{250};
  ++wanted_;
  const bool held = running_.try_lock_until(std::chrono::steady_clock::now() + kPatience);
  --wanted_;
  if (!held) return {};
  MutexLock running(running_, std::adopt_lock);
  return run_locked(kFew, [] { return false; });
}

Status Reclaimer::run_locked(size_t at_most, const Names::Stop& stop) {
  if (stop()) return {};
  const std::vector<JournalId> journals = unused(at_most);
  // Should power be lost, no name may come back whose records are gone.
  if (!journals.empty()) (void)names_.sync();
  reclaim(journals, stop);
  return names_.reclaim_directories(at_most, stop);
}

// Those removed last first, and behind all others those that could not be deleted before.
std::vector<JournalId> Reclaimer::unused(size_t at_most) {
  sync_queue_.let_go_of_removed();
  using Rank = std::tuple<bool, uint64_t, JournalId>;
  std::vector<Rank> ranked;
  {
    MutexLock lock(mutex_);
    for (const auto& [id, removed] : removed_) {
      if (!removed.journal.expired() || removed.left) continue;
      ranked.emplace_back(removed.logged.empty(), removed.number, id);
    }
  }
  std::ranges::sort(ranked, std::greater());
  ranked.resize(std::min(ranked.size(), at_most));
  std::vector<JournalId> unused;
  for (const Rank& each : ranked) unused.push_back(std::get<JournalId>(each));
  return unused;
}

// What keeps some from being deleted is no concern of others.
void Reclaimer::reclaim(const std::vector<JournalId>& journals, const Names::Stop& stop) {
  // So many share a few syncs, and what is kept about them meanwhile stays small.
  constexpr size_t kSharingSyncs = 4096;
  std::vector<JournalId> ready;
  const auto finish = [&] {
    const std::vector<Status> reclaimed = names_.reclaim(ready, stop);
    for (size_t i = 0; i < reclaimed.size(); ++i) note(ready[i], reclaimed[i]);
    ready.clear();
  };
  for (const JournalId id : journals) {
    if (stop()) return;
    files_.erase(id);  // files that are open take up their space
    const Status kept = names_.failure(id, "");
    if (kept) {
      ready.push_back(id);
    } else {
      note(id, kept);
    }
    if (ready.size() == kSharingSyncs) finish();
  }
  finish();
}

void Reclaimer::note(JournalId id, const Status& reclaimed) {
  MutexLock lock(mutex_);
  if (reclaimed) {
    removed_.erase(id);
    return;
  }
  Removed& removed = removed_[id];
  removed.left = reclaimed.error().code == Errc::kNotEmpty;
  std::string why = to_string(reclaimed.error());
  if (removed.logged == why) return;
  log_.error("store {}: {}", printable(store_), why);
  removed.logged = std::move(why);
}

}  // namespace range
