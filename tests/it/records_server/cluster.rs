//! A PostgreSQL cluster in a folder of its own, run by an account that may do nothing else; and a way to it that is cut.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::PASSWORD;
use crate::peers;
use crate::program::{folder_for_all_accounts, text_of};

/// The account of nobody on Debian and elsewhere: the server refuses to run as root.
const NOBODY: u32 = 65_534;
/// How long the server may take to start or to take a change in.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running cluster with a prepared database; gone with the test.
pub(super) struct Cluster {
    folder: tempfile::TempDir,
    programs: PathBuf,
    port: u16,
    options: Vec<String>,
}

impl Cluster {
    /// Starts one, or says why it can't be.
    pub(super) fn start() -> Option<Self> {
        let programs = programs();
        if !peers::require(
            "PostgreSQL",
            programs.is_some(),
            "records are synced with a real server (Debian: postgresql)",
        ) {
            return None;
        }
        let folder = folder_for_all_accounts();
        // Root without capabilities, as in some containers, is kept from what root usually may.
        let can_be_handed_over = || {
            let trial = folder.path().join("trial");
            std::fs::write(&trial, "").unwrap();
            chown(&trial, Some(NOBODY), Some(NOBODY)).is_ok()
        };
        let why = "PostgreSQL refuses root, and root may not act as another account here";
        if !peers::require("another account", !is_root() || can_be_handed_over(), why) {
            return None;
        }
        let mut cluster = Self { folder, programs: programs?, port: free_port(), options: Vec::new() };
        for name in ["data", "run"] {
            let folder = cluster.path(name);
            std::fs::create_dir(&folder).unwrap();
            std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o700)).unwrap();
            Self::hand_over(&folder);
        }
        std::fs::set_permissions(cluster.path("run"), PermissionsExt::from_mode(0o755)).unwrap();
        let data = text_of(&cluster.path("data"));
        let arguments = ["-D", &data, "-U", "owner", "-A", "trust", "-E", "UTF8", "--no-sync", "--no-instructions"];
        succeed(cluster.program("initdb").args(arguments));
        let access =
            "local all owner trust\nhost all all 127.0.0.1/32 scram-sha-256\nhost all all ::1/128 scram-sha-256\n";
        std::fs::write(cluster.path("data/pg_hba.conf"), access).unwrap();
        cluster.start_again();
        cluster.psql_in("postgres", "CREATE DATABASE linesman");
        cluster.sql(include_str!("../../../docs/records-server.sql"));
        Some(cluster)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Gives a file to the account of the server.
    fn hand_over(path: &Path) {
        if is_root() {
            chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }

    /// A program of the server, run by an account that isn't root.
    fn program(&self, name: &str) -> Command {
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(self.programs.join(name));
            command
        } else {
            Command::new(self.programs.join(name))
        };
        command.current_dir(self.folder.path()).env("LC_ALL", "C.UTF-8").env_remove("PGPASSWORD");
        command
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn url(&self, role: &str) -> String {
        self.url_at(role, "127.0.0.1")
    }

    pub(super) fn url_at(&self, role: &str, host: &str) -> String {
        format!("postgres://{role}@{host}:{}/linesman", self.port)
    }

    /// Starts it at the port it had.
    pub(super) fn start_again(&mut self) {
        let options = format!(
            "-k {} -p {} -c listen_addresses=localhost -F -c password_encryption=scram-sha-256 {}",
            self.path("run").display(),
            self.port,
            self.options.join(" ")
        );
        let (data, log) = (text_of(&self.path("data")), text_of(&self.path("data/log")));
        // What it inherits it would keep open: the caller would wait for its output for ever.
        let started = self
            .program("pg_ctl")
            .args(["-D", &data, "-l", &log, "-o", &options, "-w", "-t", "30", "start"])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .status()
            .unwrap();
        assert!(started.success(), "{}", std::fs::read_to_string(self.path("data/log")).unwrap_or_default());
    }

    pub(super) fn stop(&mut self) {
        let data = text_of(&self.path("data"));
        succeed(self.program("pg_ctl").args(["-D", &data, "-m", "fast", "-w", "stop"]));
    }

    /// Runs SQL as the owner: whether it went well, and what was said.
    pub(super) fn psql(&self, sql: &str) -> (bool, String) {
        self.psql_within("linesman", sql)
    }

    fn psql_within(&self, database: &str, sql: &str) -> (bool, String) {
        let (run, port) = (text_of(&self.path("run")), self.port.to_string());
        let output = self
            .program("psql")
            .args(["-h", &run, "-p", &port, "-U", "owner", "-d", database, "-X", "-q", "-A", "-t"])
            .args(["-v", "ON_ERROR_STOP=1", "-c", sql])
            .output()
            .unwrap();
        let said = if output.status.success() { output.stdout } else { output.stderr };
        (output.status.success(), String::from_utf8(said).unwrap())
    }

    #[track_caller]
    fn psql_in(&self, database: &str, sql: &str) -> String {
        let (is_done, said) = self.psql_within(database, sql);
        assert!(is_done, "{said}");
        said
    }

    /// Runs SQL as the owner.
    #[track_caller]
    pub(super) fn sql(&self, sql: &str) -> String {
        self.psql_in("linesman", sql)
    }

    /// Runs SQL past the triggers, as somebody who owns the server.
    #[track_caller]
    pub(super) fn forge(&self, sql: &str) {
        self.sql(&format!("SET session_replication_role = replica; {sql}"));
    }

    /// Asks until that is the answer.
    #[track_caller]
    pub(super) fn until(&self, sql: &str, answer: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.sql(sql).trim() != answer {
            assert!(Instant::now() < deadline, "{sql} never became {answer}");
            thread::yield_now();
        }
    }

    /// Makes a role for a computer.
    pub(super) fn role(&self, name: &str, member_of: &str) {
        self.sql(&format!("CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}' IN ROLE {member_of}"));
    }

    /// How many rows a table has.
    pub(super) fn count(&self, table: &str) -> i64 {
        self.sql(&format!("SELECT count(*) FROM linesman.{table}")).trim().parse().unwrap()
    }

    /// Starts it again with encryption and a self-signed certificate for that name, which is returned.
    pub(super) fn with_tls(&mut self, name: &str) -> String {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap();
        self.show(&certificate.pem(), &key);
        certificate.pem()
    }

    /// As [`Cluster::with_tls`], with a certificate of an authority that signs by Ed25519; that of the authority is returned.
    pub(super) fn with_tls_signed_by_edwards(&mut self, name: &str) -> String {
        let (key, authority_key) =
            (rcgen::KeyPair::generate().unwrap(), rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap());
        let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        authority.distinguished_name.push(rcgen::DnType::CommonName, "An authority");
        let trusted = authority.self_signed(&authority_key).unwrap().pem();
        let issuer = rcgen::Issuer::new(authority, authority_key);
        let shown = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        self.show(&shown.pem(), &key);
        trusted
    }

    /// Starts it again with this certificate.
    fn show(&mut self, certificate: &str, key: &rcgen::KeyPair) {
        for (file, content) in [("server.crt", certificate.to_owned()), ("server.key", key.serialize_pem())] {
            let path = self.path("data").join(file);
            std::fs::write(&path, content).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
            Self::hand_over(&path);
        }
        self.options = vec!["-c ssl=on".into()];
        self.stop();
        self.start_again();
    }

    /// Asks for passwords as they are from now on, as a server does that nobody set otherwise.
    pub(super) fn without_scram(&self) {
        let path = self.path("data/pg_hba.conf");
        let access = std::fs::read_to_string(&path).unwrap().replace("scram-sha-256", "password");
        std::fs::write(path, access).unwrap();
        self.sql("SELECT pg_reload_conf()");
        self.until("SELECT count(*) FROM pg_hba_file_rules WHERE auth_method = 'password'", "2");
    }

    /// Puts the entries on a disk of 1 MB; says why where there can be none.
    pub(super) fn with_small_disk(&self) -> bool {
        let disk = self.path("small");
        std::fs::create_dir(&disk).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size=1m,mode=700,uid={NOBODY},gid={NOBODY}"), "linesman-test"])
            .arg(&disk)
            .output();
        let is_mounted = is_root() && mounted.is_ok_and(|mounted| mounted.status.success());
        if !peers::require("mount", is_mounted, "a server that is full needs a small disk, and root to make it") {
            return false;
        }
        self.sql(&format!("CREATE TABLESPACE small LOCATION '{}'", disk.display()));
        self.sql("ALTER TABLE linesman.entries SET TABLESPACE small");
        true
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let data = text_of(&self.path("data"));
        // It may be stopped already.
        let _ = self.program("pg_ctl").args(["-D", &data, "-m", "immediate", "-w", "stop"]).output();
        if self.path("small").exists() {
            let _ = Command::new("umount").arg(self.path("small")).output();
        }
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[track_caller]
fn succeed(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Where the programs of the newest server are: Debian keeps them off the search path.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|version| {
            let version = version.ok()?;
            Some((version.file_name().to_str()?.parse().ok()?, version.path().join("bin")))
        })
        .filter(|(_, programs)| ["initdb", "pg_ctl", "psql"].iter().all(|name| programs.join(name).exists()))
        .collect();
    found.sort();
    found.pop().map(|(_, programs)| programs)
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A way to the server that is cut after so many bytes of the client.
pub(super) struct Cutter {
    port: u16,
}

impl Cutter {
    pub(super) fn start(server: u16, bytes: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let carrying = move || {
            for client in listener.incoming() {
                carry(&client.unwrap(), server, bytes);
            }
        };
        thread::Builder::new().name("cutter".into()).spawn(carrying).unwrap();
        Self { port }
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }
}

/// Carries both directions until one ends or the bytes are used up; then cuts both.
fn carry(client: &TcpStream, server: u16, bytes: u64) {
    let server = TcpStream::connect(("127.0.0.1", server)).unwrap();
    let (mut from_server, mut to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    // Either side may go away at any moment: that is what this is for.
    let carrying = move || drop(std::io::copy(&mut from_server, &mut to_client));
    let answers = thread::Builder::new().name("cutter back".into()).spawn(carrying).unwrap();
    let mut left = bytes;
    let mut piece = [0; 16 * 1024];
    let (mut client, mut server) = (client, &server);
    while left > 0 {
        let count = match client.read(&mut piece) {
            Ok(count) if count > 0 => count.min(usize::try_from(left).unwrap_or(usize::MAX)),
            _ => break,
        };
        left -= count as u64;
        if server.write_all(&piece[..count]).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Both);
    let _ = client.shutdown(Shutdown::Both);
    let _ = answers.join();
}
