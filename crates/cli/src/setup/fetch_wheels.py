"""Makes a libtorch folder from pinned wheels, whatever happens meanwhile.

Reads one line of JSON from standard input (see `fetch.rs`) and prints one JSON event a line. The download goes
through pip's own session, so that pip's index, proxies, certificates and credentials apply as they are set up,
but is ours: it shows how far it is, and continues where an earlier one was cut off. Needs Python 3.7.
"""

import contextlib
import errno
import fcntl
import fnmatch
import hashlib
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import zipfile

CHUNK = 1 << 20
# Small: what a broken connection had not completed is lost.
NETWORK_CHUNK = 1 << 16
# How often a download may fail without a single new byte.
ATTEMPTS = 5
# Wheels for CPython 3.11 on x86-64 Linux, whatever Python runs this.
PLATFORMS = ["manylinux_2_%d_x86_64" % glibc for glibc in range(28, 4, -1)]
PLATFORMS += ["manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64"]
WHEELS_FOR = ["--no-deps", "--only-binary=:all:", "--python-version", "3.11", "--implementation", "cp"]
WHEELS_FOR += ["--abi", "cp311", "--abi", "none"]
WHEELS_FOR += [flag for platform in PLATFORMS for flag in ("--platform", platform)]
QUIETLY = ["--quiet", "--no-input", "--disable-pip-version-check", "--no-cache-dir"]
CHECK_PIP = "check the network and pip's settings (`python3 -m pip config list`)"


class Failure(Exception):
    """What went wrong, and what to try."""

    def __init__(self, message, hint):
        super().__init__(message)
        self.message, self.hint = message, hint


class Unusable(Exception):
    """This pip does not lend out its index or its session."""


def main():
    order = json.loads(sys.stdin.readline())
    threading.Thread(target=end_with_parent, daemon=True).start()
    try:
        os.makedirs(order["root"], exist_ok=True)
        with only_one(order["lock"]):
            make(order)
        say(event="done")
    except Failure as failure:
        fail(failure.message, failure.hint)
    except KeyboardInterrupt:
        fail("interrupted", "run it again: what has been downloaded is kept")
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            fail("the disk is full: " + str(error), "free space and run it again: what has been downloaded is kept")
        fail(str(error), "see that `%s` can be written to" % order["root"])


def make(order):
    if is_made(order):
        return
    partial = order["partial"]
    os.makedirs(partial, exist_ok=True)
    wanted = {wheel["sha256"] + ".whl" for wheel in order["wheels"]}
    for name in set(os.listdir(partial)) - wanted:
        remove(os.path.join(partial, name))
    check_space(order)
    download_all(order["wheels"], partial)
    tree = os.path.join(partial, "tree")
    unpack(order["wheels"], partial, tree)
    with open(os.path.join(tree, "build-version"), "w") as file:
        file.write(order["version"] + "\n")
    # Thousands of headers: one sync of everything takes a fraction of an fsync for each.
    os.sync()
    if os.path.lexists(order["target"]):
        os.rename(order["target"], os.path.join(partial, "replaced"))
    os.rename(tree, order["target"])
    sync_folder(order["root"])
    shutil.rmtree(partial)


def is_made(order):
    """Whether another set-up has finished while this one waited."""
    try:
        with open(os.path.join(order["target"], "build-version")) as file:
            made = file.read().strip() == order["version"]
    except OSError:
        return False
    return made and os.path.exists(os.path.join(order["target"], order["proof"]))


def check_space(order):
    missing = sum(wheel["size"] - size_of(wheel_path(order["partial"], wheel)) for wheel in order["wheels"])
    needed, free = missing + order["unpacked"], shutil.disk_usage(order["root"]).free
    if free < needed:
        message = "not enough space in `%s`: libtorch needs %s, and %s are free"
        raise Failure(message % (order["root"], amount(needed), amount(free)), "free some space and run it again")


# Download


def download_all(wheels, partial):
    total = sum(wheel["size"] for wheel in wheels)
    index = None
    for number, wheel in enumerate(wheels):
        path = wheel_path(partial, wheel)
        before = sum(wheel["size"] for wheel in wheels[:number])
        show = progress("download", wheel["name"], before, total)
        for attempt in (1, 2):
            if size_of(path) != wheel["size"]:
                say(event="ask") if index is None else None
                index = index or Index.open()
                index.fetch(wheel, path, show)
            say(event="check", name=wheel["name"])
            if digest(path) == wheel["sha256"]:
                break
            # A damaged file, or one of which a part came from elsewhere: once more from its beginning.
            os.remove(path)
            if attempt == 2:
                message = "%s %s arrived damaged twice: its SHA-256 is not the expected %s"
                hint = "if a proxy or mirror stands between, it may alter files; try without it"
                raise Failure(message % (wheel["name"], wheel["version"], wheel["sha256"]), hint)
            say(event="note", text="%s was damaged and is downloaded again" % wheel["name"])


class Index:
    """Where pip looks for wheels, asked through pip's own finder and session."""

    def __init__(self, finder, session):
        self.finder, self.session = finder, session

    @classmethod
    def open(cls):
        try:
            import pip
        except ImportError:
            hint = "install it (`python3 -m ensurepip`, or your system's package `python3-pip`)"
            hint += ", or set LIBTORCH to a libtorch of your own"
            raise Failure("python3 (%s) has no pip, which is needed to fetch libtorch" % sys.executable, hint)
        # pip's finder and session are not a public interface: where they have changed, pip itself does the work.
        try:
            from pip._internal.cli.cmdoptions import make_target_python
            from pip._internal.commands import create_command

            command = create_command("download")
            options, _ = command.parse_args(QUIETLY + WHEELS_FOR + ["--dest", os.devnull])
            session = command._build_session(options)
            target = make_target_python(options)
            finder = command._build_package_finder(options=options, session=session, target_python=target)
            return cls(finder, session)
        except Exception:
            note = "pip %s shows no progress and starts over when interrupted" % pip.__version__
            say(event="note", text=note)
            return cls(None, None)

    def fetch(self, wheel, path, show):
        """Completes the file `path` to the size of the wheel."""
        if self.session is not None:
            try:
                return self.fetch_onwards(wheel, path, show)
            except Unusable as error:
                say(event="note", text="%s; pip itself downloads %s" % (error, wheel["name"]))
        pip_download(wheel, path)

    def fetch_onwards(self, wheel, path, show):
        url = self.find(wheel)
        failures = 0
        while True:
            before = size_of(path)
            if before == wheel["size"]:
                return
            try:
                self.append(wheel, url, path, before, show)
                problem = "the connection was closed"
            except OSError as error:
                # pip's HTTP errors are OSErrors too, but those of the file system are not the network's.
                if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EIO):
                    raise
                problem = short(error)
            except Exception as error:
                if not type(error).__module__.startswith("pip._vendor"):
                    raise
                problem = short(error)
            failures = 0 if size_of(path) > before else failures + 1
            if size_of(path) < wheel["size"]:
                if failures == ATTEMPTS:
                    raise Failure("cannot download %s: %s" % (wheel["name"], problem), CHECK_PIP)
                time.sleep(0.5 * 2**failures)

    def find(self, wheel):
        from pip._internal.exceptions import PipError

        heard = Listener()
        with heard:
            try:
                found = self.finder.find_all_candidates(wheel["name"])
                found = [one.link for one in found if str(one.version) == wheel["version"]]
            except PipError as error:
                raise Failure("pip cannot ask for %s: %s" % (wheel["name"], short(error)), CHECK_PIP)
            except Exception as error:
                raise Unusable("pip's finder fails (%s)" % short(error))
        if not found and heard.trouble:
            raise Failure("cannot reach the package index: %s" % heard.trouble, CHECK_PIP)
        if not found:
            message = "the package index offers no %s %s for x86-64 Linux"
            hint = "update pip (`python3 -m pip install --upgrade pip`), or point it at an index that has it"
            raise Failure(message % (wheel["name"], wheel["version"]), hint)
        for link in found:
            if link.hash_name != "sha256" or link.hash == wheel["sha256"]:
                return link.url.split("#")[0]
        message = "the package index offers another %s %s than the one this version of affekt was made for"
        raise Failure(message % (wheel["name"], wheel["version"]), "point pip at an index with the original wheels")

    def append(self, wheel, url, path, have, show):
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = "bytes=%d-" % have
        response = self.session.get(url, headers=headers, stream=True)
        with contextlib.closing(response):
            if response.status_code in (401, 403, 407):
                raise Unusable("the index answers %d" % response.status_code)
            if response.status_code == 416:
                os.remove(path)
                return
            if response.status_code not in (200, 206):
                raise OSError("the server answers %d" % response.status_code)
            # A server that knows no ranges sends the whole file.
            with open(path, "ab" if response.status_code == 206 else "wb") as file:
                for chunk in response.iter_content(NETWORK_CHUNK):
                    file.write(chunk)
                    show(file.tell())
                    if file.tell() > wheel["size"]:
                        # Another file: its digest will tell.
                        file.truncate(wheel["size"])
                        break


class Listener(logging.Handler):
    """Hears why pip cannot fetch the pages that it then passes over in silence."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.trouble = None

    def emit(self, record):
        text = record.getMessage().splitlines()[0]
        if "is being ignored" in text:
            self.trouble = text[:300]
        elif "Could not fetch URL" in text and "404" not in text:
            # `Could not fetch URL <url>: … (Caused by SomeError(<number or object>, "<why>")) - skipping`
            reasons = re.findall(r"Error\(.*?(?:>: |, ')(.*?)'?[()]", text)
            self.trouble = (reasons or [text])[-1][:300]

    def __enter__(self):
        self.logger = logging.getLogger("pip")
        self.before = self.logger.level, self.logger.propagate
        self.logger.setLevel(logging.DEBUG)
        self.logger.propagate = False
        self.logger.addHandler(self)

    def __exit__(self, *_):
        self.logger.removeHandler(self)
        self.logger.level, self.logger.propagate = self.before


def pip_download(wheel, path):
    folder = path + ".pip"
    remove(folder)
    os.mkdir(folder)
    list_path = os.path.join(folder, "wanted.txt")
    with open(list_path, "w") as file:
        file.write("%(name)s==%(version)s --hash=sha256:%(sha256)s\n" % wheel)
    command = [sys.executable, "-m", "pip", "download"] + QUIETLY + WHEELS_FOR
    command += ["--require-hashes", "--requirement", list_path, "--dest", folder]
    pip = subprocess.run(command, stdout=sys.stderr, stderr=subprocess.PIPE, universal_newlines=True)
    wheels = [name for name in os.listdir(folder) if name.endswith(".whl")]
    if pip.returncode != 0 or len(wheels) != 1:
        lines = pip.stderr.strip().splitlines() or ["it does not say why"]
        raise Failure("pip cannot download %s: %s" % (wheel["name"], lines[-1]), CHECK_PIP)
    os.replace(os.path.join(folder, wheels[0]), path)
    remove(folder)


# Unpacking


def unpack(wheels, partial, tree):
    sources = [(wheel, zipfile.ZipFile(wheel_path(partial, wheel))) for wheel in wheels]
    members = [(archive, info, to) for wheel, archive in sources for info, to in choose(wheel, archive)]
    show = progress("unpack", None, 0, sum(info.file_size for _, info, _ in members))
    done = 0
    for archive, info, to in members:
        to = os.path.join(tree, to)
        os.makedirs(os.path.dirname(to), exist_ok=True)
        with archive.open(info) as source, open(to, "xb") as target:
            shutil.copyfileobj(source, target, CHUNK)
        done += info.file_size
        show(done)
    for _, archive in sources:
        archive.close()


def choose(wheel, archive):
    """The members of a wheel that libtorch is made of, and where they go."""
    unused = set(wheel["libraries"])
    for info in archive.infolist():
        name = info.filename
        if name.endswith("/") or ".." in name.split("/"):
            continue
        patterns = [pattern for pattern in wheel["libraries"] if fnmatch.fnmatchcase(name, pattern)]
        if patterns:
            unused -= set(patterns)
            yield info, "lib/" + name.rsplit("/", 1)[1]
        elif wheel["headers"] and name.startswith(wheel["headers"]):
            yield info, "include/" + name[len(wheel["headers"]) :]
    if unused:
        message = "%s %s lacks %s" % (wheel["name"], wheel["version"], ", ".join(sorted(unused)))
        raise Failure(message, "this is a fault of this program: please report it")


# Helpers


def say(**event):
    print(json.dumps(event), flush=True)


def fail(message, hint):
    say(event="failed", message=message, hint=hint)
    sys.exit(1)


def progress(event, name, before, total):
    """A function to call with the bytes done; it speaks ten times a second at most."""
    last = [0.0]

    def show(done):
        now = time.monotonic()
        if now - last[0] >= 0.1 or before + done == total:
            last[0] = now
            say(event=event, name=name, done=before + done, total=total)

    return show


def end_with_parent():
    """Who gave the order holds the other end of standard input: when that closes, it is gone."""
    sys.stdin.read()
    os._exit(1)


@contextlib.contextmanager
def only_one(path):
    with open(path, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            say(event="wait")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def wheel_path(partial, wheel):
    return os.path.join(partial, wheel["sha256"] + ".whl")


def size_of(path):
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


def digest(path):
    hasher = hashlib.sha256()
    with open(path, "rb") as file:
        for chunk in iter(lambda: file.read(CHUNK), b""):
            hasher.update(chunk)
    return hasher.hexdigest()


def remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.remove(path)


def sync_folder(path):
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def amount(size):
    return "%.1f GiB" % (size / 2**30) if size >= 2**30 else "%.0f MiB" % (size / 2**20)


def short(error):
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300]


main()
