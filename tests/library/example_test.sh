#!/bin/bash
# The example of the README is built against the installed library, as a user would, and run.
# Usage: example_test.sh BUILD_DIR
set -euo pipefail

source_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$build" --prefix "$work/installed" >/dev/null
awk '/^```cpp$/ {inside = 1; next} /^```$/ {inside = 0} inside' "$source_root/README.md" \
  >"$work/example.cc"
grep -q 'int main' "$work/example.cc" || { echo "no example in README.md" >&2; exit 1; }

# expect_output PROGRAM: two runs, of which the second finds what the first appended.
expect_output() {
  local store=$work/store.$RANDOM run expected=''
  for run in 1 2; do
    expected+=$'aaa\nbbb\nccc\n'
    [[ $("$1" "$store") == "${expected%$'\n'}" ]] || { echo "$1: run $run is wrong" >&2; return 1; }
  done
  local status=0
  "$1" 2>"$work/errors" || status=$?
  [[ $status == 2 && $(<"$work/errors") == usage:* ]] || { echo "$1: no usage" >&2; return 1; }
  if "$1" /dev/null/store 2>"$work/errors"; then echo "$1: no error" >&2; return 1; fi
  grep -q '/dev/null/store' "$work/errors"
}

cat >"$work/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.22)
project(example LANGUAGES CXX)
find_package(range 0.1 REQUIRED)
add_executable(example example.cc)
target_link_libraries(example PRIVATE range::range)
END
cmake -S "$work" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/installed" >/dev/null
cmake --build "$work/build" >/dev/null
expect_output "$work/build/example"

# shellcheck disable=SC2046 # flags are words
export PKG_CONFIG_PATH=$work/installed/lib/pkgconfig
pkg-config --validate range
flags=$(pkg-config --define-variable=prefix="$work/installed" \
  --define-variable=libdir="$work/installed/lib" \
  --define-variable=includedir="$work/installed/include" --cflags --libs range)
g++ -Wall -Wextra -Wconversion -Werror -O2 "$work/example.cc" $flags -o "$work/example"
export LD_LIBRARY_PATH=$work/installed/lib
expect_output "$work/example"
readelf -d "$work/example" | grep -q 'NEEDED.*\[librange\.so\.0\.1\]'

# Every public header stands on its own.
for header in "$work"/installed/include/range/*.h; do
  echo "#include <range/$(basename "$header")>"  >"$work/alone.cc"
  g++ -std=c++20 -fsyntax-only -I "$work/installed/include" "$work/alone.cc"
done
echo "passed"
