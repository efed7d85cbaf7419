#include "bench/scratch.h"

#include <fcntl.h>
#include <unistd.h>

#include <boost/filesystem/operations.hpp>
#include <thread>
#include <vector>

namespace range::bench {

ScratchDirectory::ScratchDirectory() {
  const auto pattern = boost::filesystem::temp_directory_path() / "range_bench.XXXXXX";
  std::string path = pattern.string();
  RANGE_CHECK(::mkdtemp(path.data()) != nullptr);
  path_ = path;
}

ScratchDirectory::~ScratchDirectory() {
  boost::system::error_code ignored;
  boost::filesystem::remove_all(path_, ignored);
}

ScratchStore::ScratchStore() : store_(must(open_store(directory_.path("store"), {}))) {}

ScratchStore::~ScratchStore() { must(store_->close()); }

std::shared_ptr<Journal> ScratchStore::create(const std::string& name, Framing framing) {
  Attributes attributes;
  attributes.framing = framing;
  return must(store_->create(name, attributes));
}

RawFile::RawFile(const std::string& path, int flags)
    : fd_(::open(path.c_str(), flags | O_CREAT | O_CLOEXEC, 0600)) {
  RANGE_CHECK(fd_ >= 0);
}

RawFile::~RawFile() {
  if (fd_ >= 0) ::close(fd_);
}

void RawFile::write(ConstBytes bytes) {
  const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
  RANGE_CHECK(written == static_cast<ssize_t>(bytes.size()));
}

ConstBytes text() {
  static const std::vector<std::byte> kText = [] {
    constexpr size_t kLineBytes = 80;
    std::vector<std::byte> bytes(kTextBytes);
    uint32_t random = 1;
    for (size_t i = 0; i < bytes.size(); ++i) {
      random = random * 1664525 + 1013904223;
      const bool last = i % kLineBytes == kLineBytes - 1 || i + 1 == bytes.size();
      bytes[i] = static_cast<std::byte>(last ? '\n' : 'a' + random / 65536 % 26);
    }
    return bytes;
  }();
  return kText;
}

void in_threads(size_t count, const std::function<void(size_t)>& work) {
  std::vector<std::thread> threads;
  for (size_t i = 0; i < count; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();
}

}  // namespace range::bench
