// The load of mount_bench: the same appends and reads on several files in turn, and a table of the
// rates.
//   mount_load FILE...        the first is held against each of the others
// Each FILE is created or empty at the start and goes through the same history. A round does each
// operation on each file, beginning with another file every time; figures are medians over rounds.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

constexpr int kRounds = 7;
constexpr int kLines = 5000;
constexpr int kOpens = 2000;
constexpr int kBlocks = 32;
constexpr size_t kLineBytes = 100;
constexpr size_t kBlockBytes = size_t{1} << 20;
constexpr size_t kReadBytes = 128 << 10;  // as cat(1) reads
constexpr size_t kReadTotal = kBlocks * kBlockBytes;

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::_Exit(1);
}

// Text in lines of so many bytes, newlines included.
std::string make_text(size_t size, size_t line_bytes) {
  std::string text(size, 'x');
  for (size_t i = line_bytes - 1; i < size; i += line_bytes) text[i] = '\n';
  text.back() = '\n';
  return text;
}

class File {
 public:
  File(const std::string& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {
    if (fd_ < 0) fail(path.c_str());
  }
  ~File() { ::close(fd_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  void write(const std::string& data) const {
    if (::write(fd_, data.data(), data.size()) != static_cast<ssize_t>(data.size())) fail("write");
  }
  // True until so many bytes cannot be read.
  bool read(std::string& into) const {
    const ssize_t got = ::read(fd_, into.data(), into.size());
    if (got < 0) fail("read");
    return got == static_cast<ssize_t>(into.size());
  }

 private:
  const int fd_;
};

constexpr int kAppend = O_WRONLY | O_APPEND;

void append_lines(const std::string& path) {
  static const std::string kLine = make_text(kLineBytes, kLineBytes);
  const File file(path, kAppend);
  for (int i = 0; i < kLines; ++i) file.write(kLine);
}

// What a shell does for `echo LINE >> FILE`, without the process.
void append_opening(const std::string& path) {
  static const std::string kLine = make_text(kLineBytes, kLineBytes);
  for (int i = 0; i < kOpens; ++i) File(path, kAppend | O_CREAT).write(kLine);
}

void append_blocks(const std::string& path) {
  static const std::string kBlock = make_text(kBlockBytes, 80);
  const File file(path, kAppend);
  for (int i = 0; i < kBlocks; ++i) file.write(kBlock);
}

// The blocks that each file begins with.
void read_blocks(const std::string& path) {
  static std::string buffer(kReadBytes, '\0');
  const File file(path, O_RDONLY);
  for (size_t done = 0; done < kReadTotal; done += kReadBytes) {
    if (!file.read(buffer)) fail("read: too short");
  }
}

struct Operation {
  const char* name;
  const char* unit;
  double amount;  // in `unit`
  void (*run)(const std::string& path);
};

constexpr double kMebibytes = kBlocks * static_cast<double>(kBlockBytes) / (1 << 20);
constexpr Operation kOperations[] = {
    {"append 100 B, kept open", "k/s", kLines / 1e3, append_lines},
    {"append 100 B, open+write+close", "k/s", kOpens / 1e3, append_opening},
    {"append 1 MiB of lines", "MiB/s", kMebibytes, append_blocks},
    {"read 128 KiB each", "MiB/s", kMebibytes, read_blocks},
};

double rate(const Operation& operation, const std::string& path) {
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  operation.run(path);
  return operation.amount / std::chrono::duration<double>(Clock::now() - begin).count();
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// The rates of each file over the rounds.
std::vector<std::vector<double>> measure(const Operation& operation,
                                         const std::vector<std::string>& paths) {
  std::vector<std::vector<double>> rates(paths.size());
  for (size_t round = 0; round < kRounds; ++round) {
    for (size_t i = 0; i < paths.size(); ++i) {
      const size_t file = (i + round) % paths.size();
      rates[file].push_back(rate(operation, paths[file]));
    }
  }
  return rates;
}

void print_row(const Operation& operation, const std::vector<std::vector<double>>& rates) {
  std::printf("%-32s%-6s", operation.name, operation.unit);
  for (const auto& each : rates) std::printf("%10.4g", median(each));
  for (size_t i = 1; i < rates.size(); ++i) {
    // Of neighbours in time, so that what slows the machine down for a while cancels out.
    std::vector<double> ratios;
    for (size_t j = 0; j < rates[i].size(); ++j) ratios.push_back(rates[0][j] / rates[i][j]);
    std::printf("%10.2f", median(ratios));
  }
  std::printf("\n");
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> paths(argv + 1, argv + argc);
  if (paths.empty()) {
    std::fprintf(stderr, "usage: mount_load FILE...\n");
    return 2;
  }
  for (const std::string& path : paths) {
    const File created(path, kAppend | O_CREAT);
    append_blocks(path);
    read_blocks(path);
  }
  for (const Operation& operation : kOperations) print_row(operation, measure(operation, paths));
  return 0;
}
