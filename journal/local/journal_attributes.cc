#include "journal/local/journal_attributes.h"

namespace range {

namespace {

Attributes closed_attributes(Framing framing) {
  Attributes closed;
  closed.mode = 0600;
  closed.framing = framing;
  return closed;
}

// `base` with what a caller has changed in `known`.
Attributes with_changes(Attributes base, const Attributes& known, const Attributes& changed) {
  const auto take = [&](auto Attributes::*member) {
    if (changed.*member != known.*member) base.*member = changed.*member;
  };
  take(&Attributes::mode);
  take(&Attributes::uid);
  take(&Attributes::gid);
  take(&Attributes::created);
  take(&Attributes::framing);
  take(&Attributes::keep);
  take(&Attributes::max_bytes);
  take(&Attributes::max_records);
  take(&Attributes::max_age);
  take(&Attributes::changed);
  take(&Attributes::modified);
  return base;
}

}  // namespace

JournalAttributes::JournalAttributes(const Result<Attributes>& found, Framing framing)
    : attributes_(found ? *found : closed_attributes(framing)),
      lost_(found ? std::nullopt : std::optional(found.error())),
      stand_in_(found ? std::nullopt : std::optional(attributes_)),
      framing_(attributes_.framing.value_or(Framing::kLine)) {}

Attributes JournalAttributes::get() const {
  MutexLock lock(mutex_);
  return attributes_;
}

Result<Attributes> JournalAttributes::known() const {
  MutexLock lock(mutex_);
  if (lost_) return *lost_;
  return attributes_;
}

bool JournalAttributes::may_be_readable() const {
  MutexLock lock(mutex_);
  return lost_ && lost_->sys_errno != 0;
}

bool JournalAttributes::take_read(const Result<Attributes>& read) {
  MutexLock lock(mutex_);
  if (!lost_) return true;
  if (!read) {
    lost_ = read.error();  // it may be damage by now
    return false;
  }
  Attributes now = *read;
  if (attributes_.changed != Timestamp()) now.changed = attributes_.changed;
  if (attributes_.modified) now.modified = attributes_.modified;
  take(now);
  return true;
}

Result<Attributes> JournalAttributes::rebased(const Attributes& changed) const {
  MutexLock lock(mutex_);
  if (lost_ && lost_->sys_errno != 0) return *lost_;
  // Nobody changes `created`: it tells what the caller has changed.
  if (!stand_in_ || changed.created != stand_in_->created) return changed;
  return with_changes(attributes_, *stand_in_, changed);
}

void JournalAttributes::take_stored(const Attributes& stored) {
  MutexLock lock(mutex_);
  if (lost_) stand_in_.reset();
  take(stored);
}

bool JournalAttributes::take_times_if_lost(const Attributes& changed) {
  MutexLock lock(mutex_);
  if (!lost_) return false;
  Attributes others = changed;
  others.changed = attributes_.changed;
  others.modified = attributes_.modified;
  if (others != attributes_) return false;
  attributes_ = changed;
  return true;
}

void JournalAttributes::take(const Attributes& attributes) {
  attributes_ = attributes;
  lost_.reset();
  framing_.store(attributes.framing.value_or(Framing::kLine), std::memory_order_release);
}

}  // namespace range
