//! How login programs word their questions in the common languages.
//!
//! Source: the message catalogues of Linux-PAM, util-linux and shadow, as of 2026. Everything here is in lower case, with a
//! plain colon and plain blanks, as [`plain`] makes it.

/// Ends of the question for the account.
const LOGIN: &[&str] = &[
    "login:",
    "username:",
    "user name:",
    "anmeldung:",
    "anmeldename:",
    "benutzername:",
    "identifiant:",
    "connexion:",
    "utilisateur:",
    "inicio de sesión:",
    "nombre:",
    "nombre de usuario:",
    "usuario:",
    "nome utente:",
    "sessão:",
    "credencial:",
    "utilizador:",
    "usuário:",
    "inlognaam:",
    "gebruikersnaam:",
    "nazwa użytkownika:",
    "přihlašovací jméno:",
    "логин:",
    "имя пользователя:",
    "учетная запись:",
    "учётная запись:",
    "користувач:",
    "登录:",
    "登錄:",
    "登入:",
    "用户名:",
    "使用者:",
    "ログイン:",
    "로그인:",
    "kullanıcı ismi:",
    "kullanıcı adı:",
    "giriş:",
    "användarnamn:",
    "inloggning:",
    "logind:",
    "brukernavn:",
    "logg inn:",
    "tunnus:",
    "sisäänkirjautuminen:",
    "felhasználónév:",
    "bejelentkezés:",
    "autentificare:",
];
/// Beginnings of the question for the account that end with the name of the host.
const LOGIN_AT: &[&str] = &["login ", "přihlašovací jméno na ", "запис "];
/// The word for a password.
const PASSWORD: &[&str] = &[
    "password",
    "passwort",
    "kennwort",
    "mot de passe",
    "contraseña",
    "palavra-passe",
    "senha",
    "wachtwoord",
    "hasło",
    "heslo",
    "пароль",
    "密码",
    "密碼",
    "口令",
    "パスワード",
    "비밀번호",
    "암호",
    "parola",
    "parolă",
    "parolası",
    "şifre",
    "lösenord",
    "adgangskode",
    "passord",
    "salasana",
    "jelszó",
    "jelszava",
    "κωδικός πρόσβασης",
];
/// What stands between the word for a password and the name of its account.
const OF: &[&str] =
    &["von", "für", "de", "di", "van", "for", "of", "użytkownika", "uživatele", "пользователя", "користувача"];
/// Words that make it another password than the one to log in with.
const ANOTHER: &[&str] = &[
    "new",
    "old",
    "current",
    "(current)",
    "unix",
    "retype",
    "neu",
    "neue",
    "neues",
    "altes",
    "aktuelle",
    "aktuelles",
    "nouveau",
    "actuel",
    "nueva",
    "actual",
    "nuova",
    "attuale",
    "nova",
    "atual",
    "nieuw",
    "nieuwe",
    "huidig",
    "nowe",
    "obecne",
    "nové",
    "stávající",
    "aktuálne",
    "новый",
    "нового",
    "текущий",
    "новий",
    "поточний",
    "yeni",
    "mevcut",
    "nytt",
    "nuvarande",
    "nåværende",
    "ny",
    "nuværende",
    "uusi",
    "nykyinen",
    "új",
    "jelenlegi",
    "nouă",
    "curentă",
    "νέος",
    "τρέχων",
    "신규",
    "현재",
    "새",
];
/// The same in languages that put no blanks between words.
const ANOTHER_WITHIN: &[&str] = &["新", "当前", "目前", "現在"];
/// Words that make it the report of an earlier login.
const LAST: &[&str] = &[
    "last",
    "letzte",
    "dernière",
    "último",
    "última",
    "ultimo",
    "laatste",
    "ostatnie",
    "poslední",
    "последний",
    "последняя",
    "останній",
    "senaste",
    "seneste",
    "siste",
    "utolsó",
    "viimeisin",
    "viimeinen",
    "上次登录",
    "上次登入",
    "最終ログイン",
    "마지막",
];
/// What a login says that was refused.
const REFUSED: &[&str] = &[
    "login incorrect",
    "anmeldung fehlerhaft",
    "identificación incorrecta",
    "login non corretto",
    "login incorrecto",
    "login incorreto",
    "gebruikersnaam is onjuist",
    "nieprawidłowe logowanie",
    "chybné přihlášení",
    "неверное имя пользователя",
    "некоректний запис",
    "登录错误",
    "登入錯誤",
    "ログインが違います",
    "로그인이 맞지 않습니다",
    "giriş geçersiz",
    "inloggning misslyckad",
    "forkert logind",
    "sisäänkirjautuminen epäonnistui",
    "hibás bejelentkezés",
];

/// Makes colons and blanks plain, in a text that is in lower case already.
pub(super) fn plain(lower: &str) -> String {
    let text: String = lower
        .chars()
        .map(|c| match c {
            '：' => ':',
            '\u{a0}' | '\u{202f}' => ' ',
            other => other,
        })
        .collect();
    text.trim().replace(" :", ":")
}

/// Whether a line asks for the account.
pub(super) fn asks_for_login(plain: &str) -> bool {
    let is_host = |rest: &str| rest.strip_suffix(':').is_some_and(|host| !host.is_empty() && !host.contains(' '));
    LOGIN.iter().any(|end| ends_with(plain, end))
        || LOGIN_AT.iter().any(|start| plain.strip_prefix(start).is_some_and(is_host))
}

/// Whether a line reports an earlier login.
pub(super) fn is_last_login(plain: &str) -> bool {
    plain.split(' ').any(|word| LAST.iter().any(|last| word.trim_end_matches(':') == *last))
}

/// Whether a line asks for the password to log in with.
pub(super) fn asks_for_password(plain: &str) -> bool {
    let Some(text) = plain.strip_suffix(':') else { return false };
    PASSWORD.iter().any(|word| {
        let of_account = |rest: &str| {
            let mut words = rest.trim_start().split(' ');
            words.next().is_some_and(|of| OF.contains(&of)) && words.count() == 1
        };
        ends_with(text, word) || text.strip_prefix(word).is_some_and(of_account)
    })
}

/// Whether a line asks for another password than the one to log in with.
pub(super) fn asks_for_new_password(plain: &str) -> bool {
    let names_one = || PASSWORD.iter().any(|word| plain.contains(word));
    let is_another = || {
        plain.split([' ', ':']).any(|word| ANOTHER.contains(&word))
            || ANOTHER_WITHIN.iter().any(|word| plain.contains(word))
    };
    plain.ends_with(':') && names_one() && is_another()
}

/// Whether a line says that a login was refused.
pub(super) fn is_refusal(lower: &str) -> bool {
    REFUSED.iter().any(|text| lower.contains(text))
}

/// Whether a text ends so. A letter that came in another encoding stands as a replacement mark and may be any beyond ASCII.
fn ends_with(text: &str, end: &str) -> bool {
    let mut letters = text.chars().rev();
    end.chars().rev().all(|wanted| {
        letters
            .next()
            .is_some_and(|letter| letter == wanted || letter == char::REPLACEMENT_CHARACTER && !wanted.is_ascii())
    })
}
