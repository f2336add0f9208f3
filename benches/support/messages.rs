//! The messages that the benchmarks of telemetry send: the same in every run.

/// Numbers that look like chance (xorshift).
pub(crate) struct Random(u64);

impl Default for Random {
    fn default() -> Self {
        Self(0x2545_F491_4F6C_DD1D)
    }
}

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below that.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 11).unwrap_or(0) % end
    }
}

/// Names as sites have them: four levels.
pub(crate) fn topics(count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("plant/line{}/machine{}/sensor{}", number % 20, number / 20 % 100, number / 2_000))
        .collect()
}

/// 200 octets of JSON as a device sends it, with its own number and time.
pub(crate) fn payload(number: u64, random: &mut Random) -> Vec<u8> {
    let mut text = format!(
        r#"{{"seq":{number},"ts":{},"temperature":{}.{:02},"humidity":{},"state":"running","site":""#,
        1_790_000_000_000 + number * 100,
        18 + random.below(6),
        random.below(100),
        40 + random.below(20),
    );
    while text.len() < 198 {
        text.push(char::from(b'a' + u8::try_from(random.below(26)).unwrap_or(0)));
    }
    text.push_str("\"}");
    text.into_bytes()
}
