"""A copy of the sources in which something is changed, built and tested."""

import contextlib
import os
import pathlib
import re
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
NOT_COPIED = {".git", ".build", "build"}


class Copy:
    """The sources and a build of the tests in `directory`, which may have been one before."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.tree = self.directory / "tree"
        self.build_directory = self.directory / "build"
        self._bring_up_to_date()
        self._configure()

    # Files that have not changed keep their times, so that they are not compiled again.
    def _bring_up_to_date(self):
        wanted = set()
        for place, directories, names in os.walk(ROOT):
            directories[:] = [name for name in directories if name not in NOT_COPIED]
            for name in names:
                source = pathlib.Path(place) / name
                path = source.relative_to(ROOT)
                wanted.add(path)
                copy = self.tree / path
                if copy.exists() and copy.read_bytes() == source.read_bytes():
                    continue
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, copy)
                shutil.copymode(source, copy)
        for copy in self.tree.rglob("*"):
            if copy.is_file() and copy.relative_to(self.tree) not in wanted:
                copy.unlink()

    def _configure(self):
        command = ["cmake", "-S", self.tree, "-B", self.build_directory, "-G", "Ninja"]
        command += ["-DRANGE_WERROR=OFF", "-DRANGE_BENCH=OFF", "-DCMAKE_BUILD_TYPE=RelWithDebInfo"]
        if shutil.which("ccache"):
            command += ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"]
        subprocess.run(command, check=True, capture_output=True)

    @contextlib.contextmanager
    def changed(self, path, text):
        """While it lasts `path`, below the root, holds `text`."""
        target = self.tree / path
        original = target.read_text()
        target.write_text(text)
        try:
            yield
        finally:
            target.write_text(original)

    def build(self, targets):
        """Builds them. Returns what the compiler says if it fails, else None."""
        command = ["ninja", "-C", str(self.build_directory), *targets]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return None if done.returncode == 0 else done.stdout[-4000:]

    def first_failing(self, target, which="*", seconds=1200):
        """The name of a test of `target` that fails, None if all pass; `which` as for gtest."""
        command = [str(self.build_directory / "tests" / target)]
        command += ["--gtest_fail_fast", f"--gtest_filter={which}"]
        try:
            done = subprocess.run(
                command, capture_output=True, check=False, timeout=seconds, cwd=self.directory
            )
        except subprocess.TimeoutExpired as late:
            return last_begun(late.stdout) or f"({target} hangs)"
        if done.returncode == 0:
            return None
        output = done.stdout.decode(errors="replace")
        failed = re.search(r"\[  FAILED  \] ([^\s,]+)", output)
        return failed.group(1) if failed else f"({target} ends with status {done.returncode})"


def last_begun(output):
    """Of a run that did not end: the test that hangs, if it says so."""
    begun = re.findall(rb"\[ RUN      \] (\S+)", output or b"")
    return begun[-1].decode() + " (hangs)" if begun else None
