#include "journal/local/local_store.h"

#include <fmt/core.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "journal/base/result_macros.h"
#include "journal/printable.h"

namespace range {

namespace {

constexpr std::string_view kFormatName = "rangefs store, version ";
constexpr uint32_t kStoreVersion = 2;

constexpr uint64_t kChunkSizeMin = uint64_t{4} << 10;
constexpr uint64_t kChunkSizeMax = uint64_t{2} << 30;

size_t descriptors_max(const StoreOptions& options) {
  if (options.open_files_max > 0) return options.open_files_max;
  rlimit limit{};
  constexpr size_t kDefault = 1024;
  const size_t allowed =
      getrlimit(RLIMIT_NOFILE, &limit) == 0 ? static_cast<size_t>(limit.rlim_cur) : kDefault;
  return descriptors_for_chunks(allowed);
}

bool is_interval(std::chrono::milliseconds interval) {
  constexpr std::chrono::hours kMax{365 * 24};  // what is added to a time must not overflow
  return interval.count() > 0 && interval <= kMax;
}

Status check_options(const StoreOptions& options) {
  const bool valid = options.chunk_size >= kChunkSizeMin && options.chunk_size <= kChunkSizeMax &&
                     is_interval(options.sync_interval) &&
                     is_interval(options.retention_interval) &&
                     options.retention.max_age.count() >= 0 && options.record_bytes_max > 0;
  return valid ? Status() : Error{Errc::kInvalid, 0, "store options out of range"};
}

Error not_a_store(const Path& path, const std::string& why) {
  return {.code = Errc::kUnknownFormat, .sys_errno = 0, .context = path.string() + ": " + why};
}

}  // namespace

Result<std::unique_ptr<LocalStore>> LocalStore::open(Env& env, const Path& path,
                                                     const StoreOptions& options, bool background,
                                                     const MappingSizes& mapping) {
  RETURN_IF_ERROR(check_options(options));
  std::unique_ptr<LocalStore> store(new LocalStore(env, path, options, mapping));
  RETURN_IF_ERROR(store->start(background));
  return store;
}

LocalStore::LocalStore(Env& env, Path path, const StoreOptions& options,
                       const MappingSizes& mapping)
    : env_(env),
      path_(std::move(path)),
      options_(options),
      log_(options.log),
      clock_(env),
      files_(env, descriptors_max(options), options.read_only),
      names_(env, log_, path_, options.read_only),
      sync_queue_(names_),
      context_{.env = env_,
               .options = options_,
               .log = log_,
               .clock = clock_,
               .files = files_,
               .names = names_,
               .sync_queue = sync_queue_,
               .trim_queue = trim_queue_,
               .mapping = mapping,
               .boot_id = env.boot_id()},
      reclaimer_(names_, sync_queue_, files_, log_, path_.string()) {}

LocalStore::~LocalStore() { stop_background(); }

// Whatever cannot be written now, because the disk is full, say, is told in the log and tried again
// in the background: it must not keep anybody from what is stored.
Status LocalStore::start(bool background) {
  RETURN_IF_ERROR(check_format());
  if (options_.read_only) return {};
  for (const JournalId id : names_.examine_trash()) reclaimer_.add(id, {});
  // In the background, nobody who opens a store waits for it.
  if (!background) (void)reclaim();
  if (const Status synced = sync_noted_journals(); !synced) {
    log_.error("store {}: {}", printable(path_.string()), to_string(synced.error()));
  }
  return background ? run_background() : Status();
}

// Journals that an earlier process could not sync are written again: until that is done, syncs of
// the store fail. One that fails again keeps its note.
Status LocalStore::sync_noted_journals() {
  MutexLock lock(noted_mutex_);
  if (!noted_) {
    ASSIGN_OR_RETURN(noted_, names_.failed_journals());
  }
  Status result;
  std::erase_if(*noted_, [&](JournalId id) {
    Status synced = sync_noted_journal(id);
    if (!synced && result) result = synced;
    return synced.has_value();
  });
  return result;
}

Status LocalStore::sync_noted_journal(JournalId id) {
  const auto directory = env_.stat(names_.journal_directory(id));
  if (directory) {
    const auto journal = open(id, to_string(id));
    const bool removed = !journal && journal.error().code == Errc::kNotFound;
    if (!journal && !removed) return journal.error();
    if (!removed) {
      if (const auto synced = (*journal)->sync(); !synced) return synced.error();
    }
  } else if (directory.error().code != Errc::kNotFound) {
    return directory.error();
  }
  // A note too many does no harm.
  if (const Status forgotten = names_.forget_failure(id); !forgotten) {
    log_.warn("store {}: {}", printable(path_.string()), to_string(forgotten.error()));
  }
  return {};
}

// Locks the store and makes sure that it is one, creating it in an empty directory.
Status LocalStore::check_format() {
  auto found = env_.list(path_);
  if (!found && found.error().code == Errc::kNotFound && !options_.read_only) {
    Status made = env_.make_directory(path_);
    if (!made && made.error().code != Errc::kExists) return made;
    found = env_.list(path_);
  }
  if (!found) return std::move(found).error();
  const auto has = [&](const char* name) {
    return std::any_of(found->begin(), found->end(), [&](const auto& e) { return e.name == name; });
  };
  const size_t ours =
      has("lock") + has("tree") + has("chunks") + has("trash") + has("failed") + has("format.new");
  if (!has("format") && found->size() > ours) {
    return not_a_store(path_, "not empty, and not a store of rangefs");
  }
  if (!has("format") && options_.read_only) {
    return not_a_store(path_, "no store of rangefs");
  }
  if (options_.read_only) {
    RETURN_IF_ERROR(lock_for_reading());
  } else {
    ASSIGN_OR_RETURN(lock_, env_.lock(path_ / "lock"));
    if (!has("format")) return create_store();
  }
  ASSIGN_OR_RETURN(const auto file, env_.open(path_ / "format", Env::OpenMode::kRead));
  std::array<std::byte, 256> bytes{};
  ASSIGN_OR_RETURN(const size_t size, file->read_at(0, bytes));
  const std::string_view text = as_text(ConstBytes(bytes).first(size));
  uint32_t version = 0;
  const std::string_view digits = text.substr(std::min(kFormatName.size(), text.size()));
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), version);
  if (!text.starts_with(kFormatName) || error != std::errc() ||
      !std::string_view(end, text.end()).starts_with('\n')) {
    return not_a_store(path_, "its format is unknown");
  }
  if (version != kStoreVersion) {
    return not_a_store(path_, fmt::format("a store of version {}, this rangefs knows version {}",
                                          version, kStoreVersion));
  }
  return {};
}

// A reader does no harm: it is kept away only by who is known to write.
Status LocalStore::lock_for_reading() {
  auto locked = env_.lock_shared(path_ / "lock");
  if (!locked && locked.error().code == Errc::kLocked) return std::move(locked).error();
  if (locked) {
    lock_ = *std::move(locked);
  } else {
    log_.warn("store {} is read without a lock: {}", printable(path_.string()),
              to_string(locked.error()));
  }
  return {};
}

// The format file comes last: what has none is not a store yet. Its name becomes durable with the
// first sync; a store that loses it before is created once more.
Status LocalStore::create_store() {
  Attributes root;
  root.mode = 0755;
  root.uid = getuid();
  root.gid = getgid();
  root.created = clock_.now();
  RETURN_IF_ERROR(names_.create_layout(root));
  const Path temporary = path_ / "format.new";
  (void)env_.remove_file(temporary);
  ASSIGN_OR_RETURN(const auto file, env_.open(temporary, Env::OpenMode::kCreateNew));
  const std::string text = fmt::format("{}{}\n", kFormatName, kStoreVersion);
  RETURN_IF_ERROR(file->write_at(0, as_bytes(text)));
  RETURN_IF_ERROR(file->sync_data());
  return env_.rename(temporary, path_ / "format", false);
}

Status LocalStore::writable() const {
  return options_.read_only ? Error{Errc::kNotPermitted, EROFS, path_.string()} : Status();
}

Status LocalStore::run_background() {
  using Clock = std::chrono::steady_clock;
  const auto sync = [this, logged = std::string(), idle_since = Clock::now()]() mutable {
    constexpr std::chrono::seconds kIdle{30};
    log_failure(sync_all(), logged);
    if (Clock::now() - idle_since < kIdle) return;
    let_go_of_idle();
    idle_since = Clock::now();
  };
  const auto reclaim_all = [this, logged = std::string()]() mutable {
    log_failure(reclaim(), logged);
  };
  const auto trim = [this, logged = std::string(), due = Clock::now()]() mutable {
    // Of the time, no more goes into journals that may not have changed.
    constexpr int kShare = 20;
    log_failure(apply_retention_where_due(), logged);
    const Clock::time_point begun = Clock::now();
    if (begun < due) return;
    log_failure(apply_retention(), logged);
    const Clock::time_point ended = Clock::now();
    due = ended + std::max<Clock::duration>(options_.retention_interval, kShare * (ended - begun));
  };
  RETURN_IF_ERROR(syncing_.start(options_.sync_interval, sync));
  RETURN_IF_ERROR(reclaiming_.start(options_.sync_interval, reclaim_all));
  return trimming_.start(options_.sync_interval, trim);
}

// What failed may go on failing: to be told once is enough.
void LocalStore::log_failure(const Status& done, std::string& logged) const {
  if (done || logged == to_string(done.error())) return;
  logged = to_string(done.error());
  log_.error("store {}: {}", printable(path_.string()), logged);
}

void LocalStore::stop_background() {
  trimming_.stop();
  reclaiming_.stop();
  syncing_.stop();
}

Status LocalStore::sync_all() {
  const Status noted = sync_noted_journals();
  Status synced = sync_queue_.sync_all(false);
  return synced ? noted : synced;
}

Status LocalStore::sync_and_reclaim() {
  const Status synced = sync_all();
  Status reclaimed = reclaim();
  return synced ? reclaimed : synced;
}

// Who removes something and syncs finds its space free, but does not wait for that of thousands.
Status LocalStore::sync() {
  if (options_.read_only) return {};
  const Status synced = sync_all();
  Status reclaimed = reclaimer_.run_briefly();
  return synced ? reclaimed : synced;
}

Status LocalStore::reclaim() {
  Status reclaimed = reclaimer_.run([this] { return reclaiming_.stopping(); });
  journals_.forget_closed();
  return reclaimed;
}

Status LocalStore::close() {
  stop_background();
  journals_.let_go_of_unused();
  (void)trim_queue_.take();
  Status closed = sync();
  // Once more: what the first time stored as marks is not durable yet.
  if (closed && !options_.read_only) closed = sync_queue_.sync_all(false);
  lock_.reset();
  return closed;
}

Result<Space> LocalStore::space() { return env_.space(path_); }

}  // namespace range
