#include "journal/exchange/range_chunk_writer.h"

#include <limits>
#include <utility>

#include "journal/base/result_macros.h"
#include "journal/exchange/big_endian.h"
#include "journal/exchange/range_directory.h"

namespace range::exchange {

namespace {

constexpr size_t kWrittenAtOnce = size_t{1} << 20;

}  // namespace

Result<NewFile> NewFile::create(Env& env, const Path& path) {
  ASSIGN_OR_RETURN(auto file, env.open(path, Env::OpenMode::kCreateNew));
  return NewFile(std::move(file));
}

Status NewFile::append(ConstBytes bytes) {
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  return buffer_.size() < kWrittenAtOnce ? Status() : flush();
}

Status NewFile::finish() {
  RETURN_IF_ERROR(flush());
  return file_->sync_data();
}

Status NewFile::flush() {
  RETURN_IF_ERROR(file_->write_at(written_, buffer_));
  written_ += buffer_.size();
  buffer_.clear();
  return {};
}

Result<RangeChunkWriter> RangeChunkWriter::create(Env& env, const Path& directory, ChunkId id) {
  ASSIGN_OR_RETURN(NewFile data, NewFile::create(env, directory / chunk_file_name(id, ".dat")));
  ASSIGN_OR_RETURN(NewFile index, NewFile::create(env, directory / chunk_file_name(id, ".idx")));
  return RangeChunkWriter(std::move(data), std::move(index));
}

Status RangeChunkWriter::append(ConstBytes record) {
  if (record.size() > std::numeric_limits<uint32_t>::max()) {
    return Error{Errc::kTooLarge, 0, "a record for Range"};
  }
  RETURN_IF_ERROR(index_.append(to_big_endian<kIndexEntryBytes>(data_.bytes())));
  RETURN_IF_ERROR(data_.append(to_big_endian<kLengthBytes>(record.size())));
  return data_.append(record);
}

Status RangeChunkWriter::finish() {
  RETURN_IF_ERROR(data_.finish());
  return index_.finish();
}

}  // namespace range::exchange
