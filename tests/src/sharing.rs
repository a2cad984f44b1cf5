//! Results that move between machines: pushed, wiped, pulled, and handed to a run that would compute them.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::binaries;
use crate::lab::{Ended, Lab, skipped};

/// Stands for `sftp` to a host that is this machine: the commands of its batch file, by the shell.
const SFTP: &str = r#"#!/bin/sh
while [ $# -gt 0 ]; do
  case $1 in -b) batch=$2; shift 2 ;; -o | -P) shift 2 ;; --) shift; break ;; *) exit 64 ;; esac
done
if [ -e "$(dirname "$0")/down" ]; then
  echo "ssh: connect to host $1 port 22: Connection refused" >&2
  exit 255
fi
while IFS= read -r line; do
  echo "sftp> $line"
  case $line in -*) may_fail=1 line=${line#-} ;; *) may_fail= ;; esac
  eval "set -- $line"
  command=$1
  shift
  case $command in
    put | get) cp "$1" "$2" ;;
    rename) mv "$1" "$2" ;;
    mkdir | ls) $command "$@" ;;
    *) false ;;
  esac || [ "$may_fail" ] || exit 1
done <"$batch" 2>/dev/null
"#;

/// Where results go, how its words are had, and how to look into it.
struct Place {
    name: String,
    /// Variables that commands need to reach it.
    variables: Vec<(&'static str, String)>,
    /// The store there, where it is a folder of this machine.
    folder: Option<PathBuf>,
}

impl Place {
    fn folder(lab: &Lab) -> Self {
        let folder = lab.path("shared");
        Self { name: folder.display().to_string(), variables: Vec::new(), folder: Some(folder) }
    }

    /// A host reached by a stand-in for `sftp`.
    fn host(lab: &Lab) -> Self {
        lab.write("bin/sftp", SFTP);
        fs::set_permissions(lab.path("bin/sftp"), fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:{}", lab.path("bin").display(), std::env::var("PATH").unwrap());
        let folder = lab.path("far away/store");
        let name = format!("ssh://ann@lab.example:2222{}", folder.display());
        Self { name, variables: vec![("PATH", path)], folder: Some(folder) }
    }

    fn command(&self, lab: &Lab, words: &[&str]) -> Command {
        let mut command = lab.command(words);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    fn push(&self, lab: &Lab, what: &[&str]) -> Ended {
        Ended::of(self.command(lab, &[&["push", &self.name], what].concat()))
    }

    fn pull(&self, lab: &Lab, what: &[&str]) -> Ended {
        Ended::of(self.command(lab, &[&["pull", &self.name], what].concat()))
    }

    /// A run that asks here for what it lacks.
    fn run(&self, lab: &Lab) -> crate::lab::Run {
        let mut command = self.command(lab, &["run", "tiny.yaml", "--device", "cpu"]);
        command.env("AFFEKT_REMOTE", &self.name);
        lab.run_by("tiny", command)
    }
}

/// Removes all that was computed.
fn wipe(lab: &Lab) {
    fs::remove_dir_all(lab.path(".affekt")).unwrap();
}

/// Files below a folder that are named so.
fn files(folder: &Path, of: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> = entries
        .flat_map(|path| if path.is_dir() { files(&path, of) } else { vec![path] })
        .filter(|path| path.to_str().unwrap().contains(of))
        .collect();
    found.sort();
    found
}

/// Pushed, wiped, pulled, run: nothing runs. Then the same by asking there before a node is run.
fn comes_back(lab: &Lab, place: &Place) {
    let before = lab.run("tiny", &[]).expect(0);
    let pushed = place.push(lab, &["tiny.yaml"]).expect(0).stdout;
    assert!(pushed.contains("18 results at") && pushed.contains("18 sent now"), "{pushed}");
    let again = place.push(lab, &[]).expect(0).stdout;
    assert!(again.contains("0 sent now, with 0 objects"), "{again}");

    wipe(lab);
    let pulled = place.pull(lab, &["tiny", "--json"]).expect(0).json();
    assert_eq!(
        (&pulled["results"], &pulled["fetched"], &pulled["missing"]),
        (&18.into(), &18.into(), &0.into())
    );
    let run = lab.run("tiny", &[]).expect(0);
    assert_eq!(run.ran(), [""; 0]);
    assert_eq!(run.bytes("metrics.json"), before.bytes("metrics.json"));
    assert!(place.pull(lab, &[]).expect(0).stdout.contains("0 fetched now, with 0 objects"));
    assert_eq!(lab.xtask(&["cache", "fsck", "--json"]).expect(0).json()["verified"], pulled["objects"]);

    wipe(lab);
    let run = place.run(lab).expect(0);
    assert_eq!(run.ran(), [""; 0]);
    assert_eq!(run.bytes("metrics.json"), before.bytes("metrics.json"));
    assert!(run.ended.stderr.contains("18 results and "), "{}", run.ended.stderr);
    let (here, all) =
        (files(&lab.path(".affekt/objects"), "").len(), pulled["objects"].as_u64().unwrap() as usize);
    assert!(here < all, "what nobody reads is not fetched: {here} of {all}");

    let unknown = place.pull(lab, &["tniy"]).expect(2).stderr;
    assert!(unknown.contains("has no run of `tniy`\nhint: it has tiny"), "{unknown}");
}

#[test]
fn what_is_pushed_to_a_folder_comes_back() {
    let lab = Lab::finished();
    comes_back(&lab, &Place::folder(&lab));
}

#[test]
fn what_is_pushed_to_a_host_comes_back() {
    let lab = Lab::finished();
    let place = Place::host(&lab);
    comes_back(&lab, &place);
    assert_eq!(files(place.folder.as_ref().unwrap(), "writing"), [""; 0].map(PathBuf::from));
}

#[test]
fn what_is_broken_off_goes_on() {
    let lab = Lab::finished();
    for place in [Place::folder(&lab), Place::host(&lab)] {
        place.push(&lab, &[]).expect(0);
        let there = place.folder.clone().unwrap();
        // As if it had been stopped before the records came, and in the middle of an object.
        files(&there.join("results"), "").iter().for_each(|path| fs::remove_file(path).unwrap());
        let object = files(&there.join("objects"), "").into_iter().next().unwrap();
        fs::write(&object, "half").unwrap();
        let pushed = place.push(&lab, &["--json"]).expect(0).json();
        assert_eq!((&pushed["sent"], &pushed["objects"]), (&18.into(), &1.into()));
        assert_eq!(
            Ended::of(lab.command(&["cache", "fsck", "--cache", there.to_str().unwrap(), "--json"])).json()["damaged"],
            serde_json::json!([])
        );
    }
}

#[test]
fn what_is_damaged_there_is_refused_said_and_computed() {
    let lab = Lab::finished();
    let before = lab.run("tiny", &[]).expect(0);
    for place in [Place::folder(&lab), Place::host(&lab)] {
        place.push(&lab, &[]).expect(0);
        let there = place.folder.clone().unwrap();
        for path in
            files(&there.join("objects"), "").iter().chain(&files(&there.join("results"), "").split_off(17))
        {
            let mut bytes = fs::read(path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(path, bytes).unwrap();
        }
        wipe(&lab);
        let pulled = place.pull(&lab, &[]).expect(1);
        assert!(pulled.stderr.contains(" is damaged and was refused"), "{}", pulled.stderr);
        assert_eq!(files(&lab.path(".affekt/objects"), ""), [""; 0].map(PathBuf::from));
        assert_eq!(files(&lab.path(".affekt/results"), "").len(), 17);

        wipe(&lab);
        let run = place.run(&lab).expect(0);
        assert!(run.ended.stderr.contains(" is damaged and was refused"), "{}", run.ended.stderr);
        // What the report alone reads is seen to be damaged at the end of a first attempt.
        let metrics = fs::read(lab.path("runs/tiny/latest/metrics.json")).unwrap();
        assert_eq!(metrics, before.bytes("metrics.json"), "what was refused is computed");
    }
}

#[test]
fn a_place_that_cannot_be_asked_is_said_once_and_fails_no_run() {
    let lab = Lab::finished();
    let before = lab.run("tiny", &[]).expect(0);
    let place = Place::host(&lab);
    lab.write("bin/down", "");
    wipe(&lab);
    let run = place.run(&lab).expect(0);
    let told = run.ended.stderr.matches("Connection refused; going on without it").count();
    assert_eq!((told, run.ran().len()), (1, 18), "{}", run.ended.stderr);
    assert_eq!(run.bytes("metrics.json"), before.bytes("metrics.json"));
    let pushed = place.push(&lab, &[]).expect(1).stderr;
    assert!(pushed.contains("error: failed to ask ssh://ann@lab.example:2222/"), "{pushed}");

    // Named by the experiment, and not there.
    let text = fs::read_to_string(lab.path("tiny.yaml")).unwrap();
    lab.write("tiny.yaml", &format!("{text}remote: nowhere\n"));
    let run = lab.run("tiny", &[]).expect(0);
    assert!(run.ended.stderr.contains("warning: there is no store in nowhere; going on without it"));
    assert_eq!(run.ran(), [""; 0], "where results may be had is in no key");
    lab.write("tiny.yaml", &format!("{text}remote: ssh://-oProxyCommand=x/a\n"));
    lab.xtask(&["plan", "tiny.yaml"]).expect(2);
}

#[test]
fn an_experiment_names_where_results_may_be_had() {
    let lab = Lab::finished();
    let place = Place::folder(&lab);
    place.push(&lab, &[]).expect(0);
    wipe(&lab);
    let text = fs::read_to_string(lab.path("tiny.yaml")).unwrap();
    lab.write("tiny.yaml", &format!("{text}remote: shared\n"));
    assert_eq!(lab.run("tiny", &[]).expect(0).ran(), [""; 0]);
    assert!(lab.plan("tiny", &[]).iter().all(|(_, state)| state == "cached"));
    wipe(&lab);
    let mut without = lab.command(&["run", "tiny.yaml", "--device", "cpu"]);
    without.env("AFFEKT_REMOTE", "none");
    assert_eq!(lab.run_by("tiny", without).expect(0).ran().len(), 18);
}

/// A program that ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn wait_for(port: u16) {
    let began = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(began.elapsed() < Duration::from_secs(60), "nobody listens");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn what_is_pushed_by_ssh_itself_comes_back() {
    let lab = Lab::finished();
    let sshd = Path::new("/usr/sbin/sshd");
    let servers =
        ["/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/libexec/sftp-server"];
    let Some(server) = servers.iter().find(|path| sshd.is_file() && Path::new(path).is_file()) else {
        skipped("there is no sshd with an sftp-server (Debian: openssh-server)");
        return;
    };
    for name in ["host_key", "user_key"] {
        let path = lab.path(name);
        let made =
            Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path).status();
        assert!(made.unwrap().success());
    }
    fs::copy(lab.path("user_key.pub"), lab.path("authorized")).unwrap();
    let (port, folder) = (free_port(), lab.path("").display().to_string());
    lab.write(
        "sshd_config",
        &format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}host_key\nAuthorizedKeysFile {folder}authorized\n\
             StrictModes no\nUsePAM no\nPidFile none\nSubsystem sftp {server}\n"
        ),
    );
    lab.write(
        "ssh_config",
        &format!("Host lab\nHostName 127.0.0.1\nIdentityFile {folder}user_key\nStrictHostKeyChecking no\nUserKnownHostsFile /dev/null\n"),
    );
    // Where it changes its root to, for who may.
    let _ = fs::create_dir_all("/run/sshd");
    let mut started = Command::new(sshd);
    started.arg("-D").arg("-e").arg("-f").arg(lab.path("sshd_config"));
    let _sshd = Server(started.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    wait_for(port);
    lab.write("bin/sftp", &format!("#!/bin/sh\nexec /usr/bin/sftp -F {folder}ssh_config \"$@\"\n"));
    fs::set_permissions(lab.path("bin/sftp"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{folder}bin:{}", std::env::var("PATH").unwrap());
    let there = lab.path("far/store");
    let name = format!("ssh://lab:{port}{}", there.display());
    comes_back(&lab, &Place { name, variables: vec![("PATH", path)], folder: Some(there) });
}

#[test]
fn what_is_pushed_to_a_bucket_comes_back() {
    let lab = Lab::finished();
    let asked = Ended::of({
        let mut command = Command::new(binaries::affekt());
        command.args(["push", "s3://voices"]).current_dir(lab.path(""));
        command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
        command
    });
    if asked.stderr.contains("built without buckets") {
        skipped("`affekt` is built without buckets (`cargo xtask test --s3` builds it with them)");
        return;
    }
    let port = free_port();
    let mut moto = Command::new(std::env::var("AFFEKT_MOTO").unwrap_or_else(|_| "moto_server".into()));
    moto.args(["-H", "127.0.0.1", "-p", &port.to_string()]).stdin(Stdio::null());
    let Ok(moto) = moto.stdout(Stdio::null()).stderr(Stdio::null()).spawn() else {
        skipped("there is no S3 server (pip install moto[server]; AFFEKT_MOTO names it)");
        return;
    };
    let _moto = Server(moto);
    wait_for(port);
    let ask = |request: String| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    };
    let head = format!("HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n");
    let made = ask(format!("PUT /voices {head}Content-Length: 0\r\n\r\n"));
    assert!(made.starts_with("HTTP/1.1 200"), "{made}");

    // Only the program itself can have been built with buckets.
    let secret = "a secret that stays one";
    let variables = [
        ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}")),
        ("AWS_ACCESS_KEY_ID", "ann".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", secret.to_owned()),
    ];
    let command = |words: &[&str]| {
        let inner = lab.command(words);
        let mut command = Command::new(binaries::affekt());
        command.args(inner.get_args()).current_dir(lab.path("")).stdin(Stdio::null());
        inner.get_envs().for_each(|(name, value)| match value {
            Some(value) => _ = command.env(name, value),
            None => _ = command.env_remove(name),
        });
        command.envs(variables.iter().map(|(name, value)| (*name, value)));
        command
    };
    let place = "s3://voices/of/the group/";
    let place = place.replace(' ', "-");
    let before = lab.run("tiny", &[]).expect(0);
    let pushed = Ended::of(command(&["push", &place])).expect(0).stdout;
    assert!(pushed.contains("18 sent now"), "{pushed}");
    assert!(
        Ended::of(command(&["push", &place, "tiny.yaml"]))
            .expect(0)
            .stdout
            .contains("0 sent now, with 0 objects")
    );
    wipe(&lab);
    let pulled = Ended::of(command(&["pull", &place, "tiny", "--json"])).expect(0).json();
    assert_eq!((&pulled["fetched"], &pulled["missing"]), (&18.into(), &0.into()));
    let run = lab.run("tiny", &[]).expect(0);
    assert_eq!(run.ran(), [""; 0]);
    assert_eq!(run.bytes("metrics.json"), before.bytes("metrics.json"));

    wipe(&lab);
    let mut asking = command(&["run", "tiny.yaml", "--device", "cpu"]);
    asking.env("AFFEKT_REMOTE", &place);
    let run = lab.run_by("tiny", asking).expect(0);
    assert_eq!(run.ran(), [""; 0]);

    // An object that is another there.
    let object = files(&lab.path(".affekt/objects"), "")[0].clone();
    let name = object.strip_prefix(lab.path(".affekt")).unwrap().display().to_string();
    // The server compares no signatures, but lets nobody write over an object without one.
    let signed = "Authorization: AWS4-HMAC-SHA256 Credential=ann/20260101/us-east-1/s3/aws4_request, \
                  SignedHeaders=host, Signature=0\r\n";
    let path = format!("/voices/of/the-group/{name}");
    let damaged = ask(format!("PUT {path} {head}{signed}Content-Length: 7\r\n\r\ndamaged"));
    assert!(damaged.starts_with("HTTP/1.1 200"), "{damaged}");
    wipe(&lab);
    let pulled = Ended::of(command(&["pull", &place])).expect(1);
    assert!(
        pulled.stderr.contains(&format!("{name} at {place} is damaged and was refused")),
        "{}",
        pulled.stderr
    );
    // No message holds what it takes to sign a request, or an address that is signed.
    let away = Ended::of(command(&["push", "s3://nobodys"])).expect(1).stderr;
    assert!(away.contains("NoSuchBucket") || away.contains("HTTP 404"), "{away}");
    assert!(!away.contains(secret) && !away.contains("Signature"), "{away}");
}
