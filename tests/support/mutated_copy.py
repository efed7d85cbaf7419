"""A copy of the sources in which something is changed, built and tested."""

import concurrent.futures
import contextlib
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
NOT_COPIED = {".git", ".build", "build"}
# Behind the flags of the build: quicker to compile and to link, and changes may leave things unused.
QUICKLY = ["-g0", "-w"]


class Copy:
    """The sources in `directory`, and what is built of them.

    Nothing that is built of the unchanged sources is ever overwritten: of a change only what depends
    on the changed file is compiled, into a place of its own, and linked with the rest. So there is
    nothing to be undone, and `build_directory` can be that of a build of the sources themselves.
    """

    def __init__(self, directory, targets, build_directory=None):
        """Copies the sources, and builds them unless `build_directory`, with ninja and g++ or
        clang++, is given. `directory` may have been a copy before."""
        self.tree = pathlib.Path(directory) / "tree"
        self._changed = pathlib.Path(directory) / "changed"
        self._copy_sources()
        if build_directory is None:
            self._sources = self.tree
            self._base = pathlib.Path(directory) / "build"
            self._configure()
            subprocess.run(["ninja", "-C", self._base, *targets], check=True, stdout=sys.stderr)
        else:
            self._sources = ROOT
            self._base = pathlib.Path(build_directory).resolve()
            if "no work to do" not in self._ninja("-n", *targets):
                sys.exit(f"{build_directory}: not up to date with the sources")
        self._commands = {target: self._commands_of(target) for target in targets}
        self._users = self._read_users()

    # Files that have not changed keep their times, so that they are not compiled again.
    def _copy_sources(self):
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
        command = ["cmake", "-S", self.tree, "-B", self._base, "-G", "Ninja"]
        command += ["-DRANGE_WERROR=OFF", "-DRANGE_BENCH=OFF", "-DCMAKE_BUILD_TYPE=Release"]
        command += ["-DCMAKE_CXX_FLAGS_RELEASE=-O1 -DNDEBUG"]
        if shutil.which("ccache"):
            command += ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"]
        subprocess.run(command, check=True, capture_output=True)

    def _ninja(self, *arguments):
        command = ["ninja", "-C", self._base, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def _commands_of(self, target):
        """({object: command that compiles it}, command that links `target`)"""
        compiled, linked = {}, None
        for line in self._ninja("-t", "commands", f"tests/{target}").splitlines():
            # A link stands between other commands; of them it is the one with the output.
            for text in line.split(" && "):
                command = shlex.split(text)
                if "-o" not in command:
                    continue
                output = command[command.index("-o") + 1]
                if "-c" in command:
                    compiled[output] = command
                elif output == f"tests/{target}":
                    linked = command
        return compiled, linked

    def _read_users(self):
        """{source, below the root: objects for which it was read}"""
        users, user = {}, None
        for line in self._ninja("-t", "deps").splitlines():
            if line.startswith(" "):
                path = pathlib.Path(os.path.normpath(self._base / line.strip()))
                if path.is_relative_to(self._sources):
                    users.setdefault(str(path.relative_to(self._sources)), set()).add(user)
            else:
                user = line.partition(":")[0]
        return users

    @contextlib.contextmanager
    def changed(self, path, text):
        """While it lasts `path`, below the root, holds `text`."""
        target = self.tree / path
        before = target.stat()
        original = target.read_text()
        target.write_text(text)
        shutil.rmtree(self._changed, ignore_errors=True)
        try:
            yield
        finally:
            target.write_text(original)
            os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns))

    def build(self, path, targets):
        """Builds them after `path` was changed. Returns what the compiler says if it fails, else
        None."""
        objects = {}
        for target in targets:
            compiled, _ = self._commands[target]
            for name in self._users.get(str(path), ()):
                if name in compiled:
                    self._check_compiled_alone(str(path), compiled[name])
                    objects[name] = self._compiling(name, compiled[name])
        links = [self._linking(target, objects) for target in targets]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as together:
            for commands in (objects.values(), links):
                for error in together.map(self._run, commands):
                    if error is not None:
                        return error
        return None

    # What includes it by its full path would be compiled without the change.
    def _check_compiled_alone(self, path, command):
        if path.endswith(".cc") and command[command.index("-c") + 1] != str(self._sources / path):
            sys.exit(f"{self._base}: {path} is compiled together with others: CMAKE_UNITY_BUILD is on")

    def _run(self, command):
        pathlib.Path(command[command.index("-o") + 1]).parent.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            command, cwd=self._base, capture_output=True, text=True, check=False
        )
        return None if done.returncode == 0 else done.stderr[-4000:]

    def _compiling(self, name, command):
        def moved(word):
            if word in (name, f"{name}.d"):
                return str(self._changed / word)
            if word.startswith(str(self._base)):
                return word
            return re.sub(rf"^(-I)?{re.escape(str(self._sources))}(?=/|$)", rf"\g<1>{self.tree}", word)

        return [moved(word) for word in command] + QUICKLY

    # What was compiled anew stands before the archives, from which its old form is not taken then.
    def _linking(self, target, objects):
        compiled, command = self._commands[target]
        output = command.index("-o") + 1
        ours = [name for name in objects if name in compiled]
        kept = [word for word in command if word not in ours]
        kept[kept.index(command[output])] = str(self._changed / command[output])
        first = kept.index("-o")
        anew = [str(self._changed / name) for name in ours]
        return [*kept[:first], *anew, *kept[first:], "-Wl,--strip-debug"]

    def tests(self, target):
        """The names of all tests of `target`, as it is without a change."""
        command = [str(self._base / "tests" / target), "--gtest_list_tests"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found, suite = [], ""
        for line in done.stdout.splitlines():
            name = line.partition("#")[0].strip()
            if line.startswith(" "):
                found.append(suite + name)
            else:
                suite = name
        return found

    def first_failing(self, target, which="*", seconds=1200):
        """The name of a test of `target` that fails, None if all pass; `which` as for gtest."""
        command = [str(self._changed / "tests" / target)]
        command += ["--gtest_fail_fast", f"--gtest_filter={which}"]
        try:
            done = subprocess.run(
                command, capture_output=True, check=False, timeout=seconds, cwd=self.tree
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
