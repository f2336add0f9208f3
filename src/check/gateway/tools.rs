//! Which programs a gateway has, asked once.

use crate::model::text::visible_octets;
use crate::proto::console::quote::{NotSendable, Script};

/// Longest text of a program's version.
const VERSION_CHARS: usize = 80;
/// Most lines of an answer that are read.
const MAX_LINES: usize = 400;

/// What is run to find out: two lines, since a line of a terminal is short.
pub fn questions() -> Result<[Script; 2], NotSendable> {
    Ok([
        Script::line(
            "for p in curl openssl bash nc getent nslookup dig ntpdate sntp chronyd ntpd ping od timeout ip busybox; do \
             w=$(command -v $p 2>/dev/null) && echo \"has=$p $(readlink -f \"$w\" 2>/dev/null)\"; done; \
             busybox --list 2>/dev/null | while read p; do case $p in \
             nc|nslookup|ntpd|ping|od|timeout|ip) echo applet=$p;; esac; done",
        )?,
        Script::line(
            "echo curl=$(curl -q --version 2>/dev/null|head -n 1); echo openssl=$(openssl version 2>/dev/null); \
             for t in timeout 'busybox timeout'; do \
             $t 1 true >/dev/null 2>&1 && echo \"limit=$t\"; $t -t 1 true >/dev/null 2>&1 && echo \"limit=$t -t\"; done; \
             for n in nc 'busybox nc'; do $n -h 2>&1 </dev/null|grep -e '-e PROG' >/dev/null && echo runs=$n; done; \
             echo system=$(uname -s)",
        )?,
    ])
}

/// The programs of a gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tools {
    /// What is there, by name.
    found: Vec<Tool>,
    /// Version of curl, as numbers.
    curl: Option<(u32, u32)>,
    /// What its programs call themselves.
    versions: Vec<String>,
    /// How a command is ended after so many seconds: `timeout`, with what stands before the number.
    limit: Option<String>,
    /// Whether its nc can run a program on a connection.
    nc_runs: bool,
    /// What `uname` calls the system, in lower case; empty where it is not told.
    system: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Tool {
    name: String,
    is_busybox: bool,
    /// It is called by way of busybox.
    is_applet: bool,
}

impl Tools {
    /// Reads the answers to [`questions`], one behind the other.
    pub fn read(answers: &[u8]) -> Self {
        let mut tools = Self::default();
        for line in answers.split(|&octet| octet == b'\n').take(MAX_LINES) {
            let line = visible_octets(line.trim_ascii(), VERSION_CHARS);
            let Some((key, value)) = line.split_once('=') else { continue };
            tools.take(key, value.trim());
        }
        tools
    }

    fn take(&mut self, key: &str, value: &str) {
        match key {
            "has" => {
                let (name, path) = value.split_once(' ').unwrap_or((value, ""));
                let is_busybox = path.rsplit('/').next().is_some_and(|file| file.starts_with("busybox"));
                self.add(Tool { name: name.to_owned(), is_busybox, is_applet: false });
            }
            "applet" => self.add(Tool { name: value.to_owned(), is_busybox: true, is_applet: true }),
            "curl" if !value.is_empty() => {
                self.curl = value.split(' ').nth(1).and_then(version);
                self.versions.push(short(value));
            }
            "openssl" if !value.is_empty() => self.versions.push(short(value)),
            "limit" if self.limit.is_none() => self.limit = Some(value.to_owned()),
            "runs" => self.nc_runs = true,
            "system" => self.system = value.to_lowercase(),
            _ => {}
        }
    }

    fn add(&mut self, tool: Tool) {
        if self.found.iter().all(|known| known.name != tool.name) {
            self.found.push(tool);
        }
    }

    pub(super) const fn system(&self) -> &str {
        self.system.as_str()
    }

    /// Whether it has the program.
    pub fn has(&self, name: &str) -> bool {
        self.found.iter().any(|tool| tool.name == name)
    }

    /// How the program is called; nothing where it is missing.
    pub(super) fn call(&self, name: &str) -> Option<String> {
        let tool = self.found.iter().find(|tool| tool.name == name)?;
        Some(if tool.is_applet { format!("busybox {name}") } else { name.to_owned() })
    }

    pub(super) fn is_busybox(&self, name: &str) -> bool {
        self.found.iter().any(|tool| tool.name == name && tool.is_busybox)
    }

    pub(super) const fn nc_runs(&self) -> bool {
        self.nc_runs
    }

    /// What stands before a command so that it ends after so many seconds; nothing where no program does that.
    pub(super) fn within(&self, secs: u64) -> String {
        self.limit.as_ref().map_or_else(String::new, |limit| format!("{limit} {secs} "))
    }

    /// Whether its curl is of that version or a later one.
    pub(super) fn curl_since(&self, major: u32, minor: u32) -> bool {
        self.has("curl") && self.curl.is_some_and(|own| own >= (major, minor))
    }

    /// The programs that checks use, for people: `curl 8.5`, `openssl 3.0.2`, `nc of busybox`.
    pub fn names(&self) -> Vec<String> {
        let told = |tool: &&Tool| !["busybox", "timeout", "od"].contains(&tool.name.as_str());
        let name = |tool: &Tool| {
            let version = self.versions.iter().find(|version| version.to_lowercase().starts_with(&tool.name)).cloned();
            let of_busybox = || if tool.is_busybox { format!("{} of busybox", tool.name) } else { tool.name.clone() };
            version.unwrap_or_else(of_busybox)
        };
        self.found.iter().filter(told).map(name).collect()
    }
}

/// Name and version, without what else a program says of itself.
fn short(text: &str) -> String {
    text.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split('.').map_while(|part| part.parse().ok());
    Some((numbers.next()?, numbers.next()?))
}
