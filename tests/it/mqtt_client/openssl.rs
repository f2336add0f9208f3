//! Encrypted connections to `openssl s_server`, which does what rustls does not: old versions, key exchanges, curves, ciphers
//! and certificates. Each refusal names its own cause.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use linesman::flow::port::Retry;
use linesman::model::mqtt::connect::{ConnectPlan, TlsChecks, Trust};
use linesman::model::mqtt::stage::{Stage, StageState};

use super::{attempt, plan, refused, stage};
use crate::peers;

/// A server that shakes hands and says no more; it ends with the value.
struct Server {
    child: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn has_openssl() -> bool {
    let version = Command::new("openssl").arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    peers::require("openssl", version.is_ok_and(|status| status.success()), "old servers are played by it")
}

fn openssl(folder: &Path, arguments: &[&str]) {
    let ran = Command::new("openssl").args(arguments).current_dir(folder).stdin(Stdio::null()).output().unwrap();
    assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
}

/// A certificate of its own making for localhost, of version 3, with a key of that kind.
fn certificate(folder: &Path, name: &str, key: &[&str]) {
    let (certificate, private) = (format!("{name}.pem"), format!("{name}.key"));
    let mut arguments = vec!["req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=localhost"];
    arguments.extend(["-addext", "subjectAltName=DNS:localhost", "-out", &certificate, "-keyout", &private]);
    arguments.push("-newkey");
    arguments.extend(key);
    openssl(folder, &arguments);
}

fn serve(folder: &Path, name: &str, arguments: &[&str]) -> Server {
    let mut command = Command::new("openssl");
    command.args([
        "s_server",
        "-accept",
        "127.0.0.1:0",
        "-cert",
        &format!("{name}.pem"),
        "-key",
        &format!("{name}.key"),
    ]);
    command.args(arguments).current_dir(folder);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let port = loop {
        let line = lines.next().unwrap_or_else(|| panic!("{arguments:?}: it does not start")).unwrap();
        if let Some(address) = line.strip_prefix("ACCEPT ") {
            break address.rsplit_once(':').unwrap().1.trim().parse().unwrap();
        }
    };
    // What it prints later must not hold it up.
    std::thread::Builder::new().name("openssl".into()).spawn(move || lines.for_each(drop)).unwrap();
    Server { child, port }
}

fn plan_for(folder: &Path, name: &str, port: u16) -> ConnectPlan {
    let mut plan = plan(&format!("mqtts://localhost:{port}"), &[]);
    plan.tls.trust = Trust::Only(fs::read(folder.join(format!("{name}.pem"))).unwrap());
    plan.stage_limit = std::time::Duration::from_secs(5);
    plan
}

#[tokio::test]
async fn each_handshake_without_common_ground_names_its_own_cause() {
    if !has_openssl() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    certificate(folder, "rsa", &["rsa:2048"]);
    certificate(folder, "p521", &["ec", "-pkeyopt", "ec_paramgen_curve:P-521"]);
    let old = ["-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"];
    for (name, arguments, code, what) in [
        ("rsa", &old[..], "mqtt.tls_version", "The broker speaks TLS 1.1 at most"),
        (
            "rsa",
            &["-tls1_2", "-cipher", "AES128-GCM-SHA256"],
            "mqtt.tls_key_exchange",
            "The broker exchanges keys by RSA only",
        ),
        (
            "rsa",
            &["-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256"],
            "mqtt.tls_finite_field",
            "The broker exchanges keys by DHE only",
        ),
        (
            "rsa",
            &["-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA"],
            "mqtt.tls_cipher",
            "The broker offers ciphers in CBC mode only",
        ),
        (
            "rsa",
            &["-tls1_2", "-curves", "secp521r1"],
            "mqtt.tls_curve",
            "The broker exchanges keys on the curve P-521 only",
        ),
        ("rsa", &["-tls1_3", "-curves", "X448"], "mqtt.tls_curve", "The broker exchanges keys on the curve X448 only"),
        ("p521", &["-tls1_2"], "mqtt.tls_signature", "The broker signs by ECDSA on P-521"),
    ] {
        let server = serve(folder, name, arguments);
        let (found, at, end, _) = refused(&plan_for(folder, name, server.port)).await;
        assert_eq!((found, at, end.problem.what.as_str()), (code, Stage::Tls, what), "{arguments:?} {end:?}");
        assert_eq!(end.retry, Retry::Never, "{arguments:?}");
    }
}

#[tokio::test]
async fn a_certificate_of_version_1_is_named_and_taken_where_nothing_is_checked() {
    if !has_openssl() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    openssl(
        folder,
        &[
            "req",
            "-new",
            "-nodes",
            "-newkey",
            "rsa:2048",
            "-subj",
            "/CN=localhost",
            "-keyout",
            "old.key",
            "-out",
            "old.csr",
        ],
    );
    // Without an extension it is of version 1.
    openssl(folder, &["x509", "-req", "-in", "old.csr", "-signkey", "old.key", "-days", "30", "-out", "old.pem"]);
    certificate(folder, "other", &["rsa:2048"]);
    for version in ["-tls1_2", "-tls1_3"] {
        let server = serve(folder, "old", &[version]);
        let mut plan = plan_for(folder, "other", server.port);
        let (code, at, end, _) = refused(&plan).await;
        assert_eq!((code, at), ("mqtt.certificate_version", Stage::Tls), "{end:?}");
        plan.tls.checks = TlsChecks::Nothing;
        plan.stage_limit = std::time::Duration::from_secs(1);
        let (_, reports) = attempt(&plan).await;
        let StageState::Noted(problem) = &stage(&reports, Stage::Tls).state else { panic!("{version} {reports:#?}") };
        let told = &problem.likely_cause;
        for part in ["is of X.509 version 1", "Self-signed", "is not for localhost"] {
            assert!(told.contains(part), "{part}: {told}");
        }
    }
}

#[tokio::test]
async fn everything_that_is_wrong_is_told_where_nothing_is_checked() {
    if !has_openssl() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    certificate(folder, "rsa", &["rsa:2048"]);
    // It ended, is for another host, and nobody vouches for it.
    openssl(
        folder,
        &["req", "-new", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=x", "-keyout", "bad.key", "-out", "bad.csr"],
    );
    fs::write(folder.join("ext"), "subjectAltName=DNS:elsewhere.example\n").unwrap();
    let sign =
        ["x509", "-req", "-in", "bad.csr", "-signkey", "bad.key", "-extfile", "ext", "-days", "-1", "-out", "bad.pem"];
    openssl(folder, &sign);
    let server = serve(folder, "bad", &[]);
    let mut plan = plan_for(folder, "rsa", server.port);
    plan.tls.checks = TlsChecks::Nothing;
    plan.stage_limit = std::time::Duration::from_secs(1);
    let (_, reports) = attempt(&plan).await;
    let StageState::Noted(problem) = &stage(&reports, Stage::Tls).state else { panic!("{reports:#?}") };
    for part in ["expired 1 day ago", "Self-signed", "is not for localhost"] {
        assert!(problem.likely_cause.contains(part), "{part}: {}", problem.likely_cause);
    }
}
