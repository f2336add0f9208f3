//! What a console waits for, by the end of the line that is not ended yet, and what whole lines announce.
//!
//! Sources: agetty(8) and login(1) of util-linux and of shadow, busybox login, Linux-PAM's messages, the prompts of common
//! bootloaders. Before the login nothing can be set, so the translations of those programs are known as well: [`words`].

mod words;

/// What stands at the end of what a console wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// It wants the name of an account.
    Login,
    /// It wants the password.
    Password,
    /// It wants a new password before it lets anyone in.
    NewPassword,
    /// A bootloader waits for a command. It is never written to.
    Bootloader(String),
    /// A shell, perhaps: only a calculation proves it.
    Shell,
}

/// What a whole line tells about the state of the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// The login was refused.
    Refused,
    /// The password has expired or must be changed.
    MustChange,
    /// A bootloader runs, or counts down: a key would stop it.
    LoaderRuns,
    /// The kernel starts: the bootloader is gone.
    KernelStarts,
}

/// The texts of a console that can differ from one make to another; the rest is the same everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wording {
    /// End of the line that asks for the account, in lower case.
    pub login: String,
    /// End of the line that asks for the password, in lower case.
    pub password: String,
}

impl Default for Wording {
    fn default() -> Self {
        Self { login: "login:".into(), password: "password:".into() }
    }
}

impl Wording {
    /// The usual texts, with those that a profile names in place of them.
    pub fn new(login: Option<&str>, password: Option<&str>) -> Self {
        let usual = Self::default();
        let named = |text: Option<&str>, usual: String| {
            text.map(|text| text.trim().to_lowercase()).filter(|text| !text.is_empty()).unwrap_or(usual)
        };
        Self { login: named(login, usual.login), password: named(password, usual.password) }
    }
}

/// How much of the end of a line is looked at.
const LOOKED_AT: usize = 160;

/// Reads the line that is not ended yet. `is_loader` says that a bootloader was seen and no kernel since.
pub fn classify(tail: &[u8], wording: &Wording, is_loader: bool) -> Option<Prompt> {
    let end = &tail[tail.len().saturating_sub(LOOKED_AT)..];
    let text = String::from_utf8_lossy(end);
    let text = text.trim_end();
    let lower = text.to_lowercase();
    if is_loader_prompt(text, &lower, is_loader) {
        return Some(Prompt::Bootloader(crate::model::text::visible(text.trim(), 60)));
    }
    let plain = words::plain(&lower);
    if words::asks_for_new_password(&plain) {
        return Some(Prompt::NewPassword);
    }
    if !words::is_last_login(&plain) && (lower.ends_with(&wording.login) || words::asks_for_login(&plain)) {
        return Some(Prompt::Login);
    }
    if lower.ends_with(&wording.password) || words::asks_for_password(&plain) {
        return Some(Prompt::Password);
    }
    text.ends_with(['$', '#', '%', '>']).then_some(Prompt::Shell)
}

/// The question for an account or a password that other text was written behind, as a kernel or a service does.
pub fn question_within(line: &[u8], wording: &Wording) -> Option<Prompt> {
    let looked_at = &line[..line.len().min(LOOKED_AT)];
    let colons = memchr::memmem::find_iter(looked_at, ":").map(|at| at + 1);
    let wide = memchr::memmem::find_iter(looked_at, "：").map(|at| at + "：".len());
    let ends = colons.chain(wide).filter(|end| *end < line.len());
    ends.filter_map(|end| classify(&looked_at[..end], wording, false))
        .find(|prompt| matches!(prompt, Prompt::Login | Prompt::Password))
}

fn is_loader_prompt(text: &str, lower: &str, is_loader: bool) -> bool {
    let text = text.trim_start();
    let is_named = ["u-boot", "uboot", "grub", "barebox", "redboot", "cfe", "marvell", "rescue"]
        .iter()
        .any(|name| lower.trim_start().starts_with(name) && text.ends_with(['>', '#', '$']));
    text == "=>"
        || is_named
        || (lower.contains("barebox") && lower.ends_with("/ #"))
        || is_loader && ends_like_shell(text)
}

fn ends_like_shell(text: &str) -> bool {
    text.ends_with(['$', '#', '>'])
}

/// Reads a whole line.
pub fn sign_of(line: &[u8]) -> Option<Sign> {
    let line = String::from_utf8_lossy(&line[..line.len().min(LOOKED_AT * 2)]).to_lowercase();
    let has = |text: &str| line.contains(text);
    if words::is_refusal(&line) || has("authentication failure") || has("maximum number of tries exceeded") {
        Some(Sign::Refused)
    } else if has("required to change your password") || has("password has expired") || has("account has expired") {
        Some(Sign::MustChange)
    } else if has("stop autoboot") || line.starts_with("u-boot ") || has("gnu grub") {
        Some(Sign::LoaderRuns)
    } else if has("starting kernel") || has("linux version ") || has("booting linux") {
        Some(Sign::KernelStarts)
    } else {
        None
    }
}

/// Whether a line that is not ended yet counts down to the start of the system: a key would stop it.
pub fn is_countdown(tail: &[u8]) -> bool {
    let text = String::from_utf8_lossy(&tail[..tail.len().min(LOOKED_AT * 2)]).to_lowercase();
    text.contains("autoboot") || text.contains("press any key to") || text.contains("hit any key")
}

/// Whether a line begins with a program's question for a passphrase and goes on with what something else wrote.
pub fn begins_with_question(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    let end = line.iter().position(|&octet| octet == b':').map_or(0, |at| at + 1);
    line.get(end) == Some(&b' ') && is_question(&line[..end])
}

/// Whether a program asks for a passphrase: the line is that question and nothing else.
///
/// nmcli writes `Password: `, or `Password (802-11-wireless-security.psk): ` where NetworkManager itself asks.
pub fn is_question(tail: &[u8]) -> bool {
    let line = tail.trim_ascii();
    let Some(rest) = line.strip_prefix(b"Password") else { return false };
    let Some(inner) = rest.trim_ascii_start().strip_suffix(b":") else { return false };
    let inner = inner.trim_ascii();
    inner.is_empty() || (inner.starts_with(b"(") && inner.ends_with(b")") && !inner[1..].contains(&b'('))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(tail: &str, is_loader: bool, expected: impl Into<Option<Prompt>>) {
        assert_eq!(classify(tail.as_bytes(), &Wording::default(), is_loader), expected.into(), "{tail:?}");
    }

    #[test]
    fn prompts_are_told_apart_by_the_end_of_the_line() {
        check("gateway login: ", false, Some(Prompt::Login));
        check("Last login: ", false, None);
        check("gateway login: kim", false, None);
        check("Password: ", false, Some(Prompt::Password));
        check("kim's password:", false, Some(Prompt::Password));
        check("New password: ", false, Some(Prompt::NewPassword));
        check("Current password: ", false, Some(Prompt::NewPassword));
        check("kim@gw:~$ ", false, Some(Prompt::Shell));
        check("root@gw:/ # ", false, Some(Prompt::Shell));
        check("", false, None);
        check("Starting services", false, None);
    }

    #[test]
    fn bootloaders_are_recognised_and_a_bare_hash_after_one_is_its_own() {
        for prompt in ["=> ", "U-Boot> ", "grub> ", "grub rescue> ", "barebox@board:/ # ", "Marvell>> ", "RedBoot> "] {
            let is_bootloader = matches!(
                classify(prompt.as_bytes(), &Wording::default(), false),
                Some(Prompt::Bootloader(text)) if text == prompt.trim()
            );
            assert!(is_bootloader, "{prompt}");
        }
        check("BOARD # ", true, Some(Prompt::Bootloader("BOARD #".into())));
        check("BOARD # ", false, Some(Prompt::Shell));
    }

    #[test]
    fn a_profile_may_word_the_prompts() {
        let wording = Wording::new(Some("Benutzer: "), Some("Kennwort:"));
        assert_eq!(classify(b"Benutzer: ", &wording, false), Some(Prompt::Login));
        assert_eq!(classify(b"Kennwort: ", &wording, false), Some(Prompt::Password));
        assert_eq!(Wording::new(Some(" "), None), Wording::default());
    }

    #[test]
    fn prompts_of_the_common_languages_are_known() {
        for prompt in [
            "gw login: ",
            "Anmeldung: ",
            "gw-Anmeldung: ",
            "identifiant : ",
            "gw connexion : ",
            "Inicio de sesión: ",
            "gw nombre: ",
            "nombre de usuario:",
            "sessão: ",
            "Login gw: ",
            "inlognaam: ",
            "gw gebruikersnaam: ",
            "Přihlašovací jméno:",
            "Přihlašovací jméno na gw: ",
            "логин: ",
            "gw имя пользователя: ",
            "користувач: ",
            "登录：",
            "gw 用户名：",
            "登入：",
            "gw 使用者：",
            "ログイン: ",
            "로그인: ",
            "Kullanıcı ismi: ",
            "gw giriş: ",
            "användarnamn: ",
            "gw inloggning: ",
            "logind: ",
            "tunnus: ",
            "gw-tunnus: ",
            "felhasználónév: ",
            "gw bejelentkezés: ",
            "logg inn:",
            "Username: ",
        ] {
            check(prompt, false, Some(Prompt::Login));
        }
        for prompt in [
            "Passwort: ",
            "Passwort von kim: ",
            "Mot de passe : ",
            "Mot de passe\u{a0}: ",
            "Mot de passe de kim : ",
            "Contraseña: ",
            "Contraseña de kim: ",
            "Password di kim: ",
            "Palavra-passe: ",
            "Senha: ",
            "Senha : ",
            "Wachtwoord: ",
            "Wachtwoord van kim: ",
            "Hasło: ",
            "Hasło użytkownika kim: ",
            "Heslo: ",
            "Пароль: ",
            "Пароль пользователя kim: ",
            "密码：",
            "密码： ",
            "密碼：",
            "kim 的密码：",
            "パスワード: ",
            "kim のパスワード: ",
            "암호:",
            "비밀번호: ",
            "Parola: ",
            "kim kullanıcı parolası: ",
            "Lösenord: ",
            "Adgangskode: ",
            "Salasana: ",
            "Jelszó: ",
            "Passord: ",
            "Κωδικός πρόσβασης: ",
            "password for kim: ",
        ] {
            check(prompt, false, Some(Prompt::Password));
        }
        for prompt in [
            "Geben Sie ein neues Passwort ein: ",
            "Geben Sie das aktuelle Passwort ein: ",
            "Nouveau mot de passe : ",
            "Mot de passe actuel : ",
            "Nueva contraseña: ",
            "Contraseña actual: ",
            "Nuova password: ",
            "Password attuale: ",
            "Nova palavra-passe: ",
            "Atual senha: ",
            "Nieuw wachtwoord: ",
            "Huidig wachtwoord: ",
            "Nowe hasło: ",
            "Obecne hasło: ",
            "Nové heslo: ",
            "Stávající heslo: ",
            "Новый пароль: ",
            "Текущий пароль: ",
            "新的密码： ",
            "当前的密码： ",
            "新 密碼： ",
            "目前密碼： ",
            "新しいパスワード: ",
            "現在のパスワード: ",
            "신규 비밀번호: ",
            "현재 비밀번호: ",
            "Yeni parola: ",
            "Mevcut parola: ",
            "Nytt lösenord: ",
            "Ny adgangskode: ",
            "Uusi salasana: ",
            "Új jelszó: ",
            "Retype new password: ",
            "(current) UNIX password: ",
        ] {
            check(prompt, false, Some(Prompt::NewPassword));
        }
        for text in ["Letzte Anmeldung: ", "Dernière connexion : ", "Último inicio de sesión: ", "Heslo", "Fehler: "]
        {
            check(text, false, None);
        }
    }

    #[test]
    fn a_prompt_in_an_older_encoding_is_known() {
        let check = |tail: &[u8], expected| assert_eq!(classify(tail, &Wording::default(), false), Some(expected));
        check(b"Contrase\xf1a: ", Prompt::Password);
        check(b"L\xf6senord: ", Prompt::Password);
        check(b"Inicio de sesi\xf3n: ", Prompt::Login);
    }

    #[test]
    fn a_question_is_found_though_text_follows() {
        let check = |line: &str, expected| {
            assert_eq!(question_within(line.as_bytes(), &Wording::default()), expected, "{line}");
        };
        check("gw login: usb 1-1: new device", Some(Prompt::Login));
        check("Password: [  OK  ] Started something.", Some(Prompt::Password));
        check("密码：usb 1-1: new device", Some(Prompt::Password));
        check("New password: usb 1-1: new", None);
        check("usb 1-1: new device", None);
        check("Last login: Mon Jan 1", None);
        check("gw login:", None);
        assert!(begins_with_question(b"Password: usb 1-1: new device"));
        assert!(begins_with_question(b"Password (802-11-wireless-security.psk): x"));
        for line in ["Password: ", "Password:x", "x Password: y", "Error: y", ""] {
            assert!(!begins_with_question(line.trim_end().as_bytes()), "{line}");
        }
    }

    #[test]
    fn lines_that_mean_something_are_read() {
        let check = |line: &str, expected| assert_eq!(sign_of(line.as_bytes()), expected, "{line}");
        check("Login incorrect", Some(Sign::Refused));
        check("Anmeldung fehlerhaft", Some(Sign::Refused));
        check("登录错误", Some(Sign::Refused));
        check("You are required to change your password immediately (administrator enforced).", Some(Sign::MustChange));
        check("U-Boot 2023.01 (Jan 01 2023)", Some(Sign::LoaderRuns));
        check("Hit any key to stop autoboot:  3", Some(Sign::LoaderRuns));
        check("Starting kernel ...", Some(Sign::KernelStarts));
        check("[    0.000000] Linux version 6.1.0", Some(Sign::KernelStarts));
        check("Debian GNU/Linux 12", None);
    }

    #[test]
    fn only_a_bare_question_is_answered() {
        let check = |tail: &str, expected| assert_eq!(is_question(tail.as_bytes()), expected, "{tail:?}");
        check("Password: ", true);
        check("Password (802-11-wireless-security.psk): ", true);
        check("Password: \u{2022}\u{2022}", false);
        check("Warning: network Password: ", false);
        check("Password incorrect:", false);
        check("Password ((:", false);
        check("Password", false);
    }
}
