//! What the server reported, in our words.

use std::error::Error as _;

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::io::records::sync::SyncError;
use crate::model::text::visible;

/// What a failed question means.
pub(super) fn of(error: &Error, user: &str) -> SyncError {
    let Some(said) = error.as_db_error() else { return without_answer(error, user) };
    let detail = visible(said.message(), 300);
    let user = user.to_owned();
    let code = said.code();
    // The server checks the binding as a part of the login, and has no code of its own for it.
    if *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION && is_by_the_binding(said.message()) {
        return SyncError::BoundElsewhere { detail };
    }
    if [SqlState::INVALID_PASSWORD, SqlState::INVALID_AUTHORIZATION_SPECIFICATION].contains(code) {
        return SyncError::Login { user, detail };
    }
    if [SqlState::UNDEFINED_TABLE, SqlState::INVALID_SCHEMA_NAME, SqlState::UNDEFINED_COLUMN].contains(code) {
        return SyncError::NotPrepared { detail };
    }
    if *code == SqlState::INVALID_CATALOG_NAME {
        return SyncError::NoDatabase { detail };
    }
    if *code == SqlState::INSUFFICIENT_PRIVILEGE {
        return SyncError::NoPermission { user, detail };
    }
    if *code == SqlState::READ_ONLY_SQL_TRANSACTION {
        return SyncError::ReadOnly { detail };
    }
    if *code == SqlState::QUERY_CANCELED {
        return SyncError::Cancelled { detail };
    }
    match code.code().get(..2) {
        // Insufficient resources: disk full, out of memory, too many connections.
        Some("53") => SyncError::Full { detail },
        // Connection exceptions, and a server that is shut down or starts.
        Some("08" | "57") => SyncError::Cut { detail },
        _ => SyncError::Server { code: code.code().to_owned(), detail },
    }
}

/// Whether the server's message is that of its check of the binding (PostgreSQL, `auth-scram.c`); in another language than English
/// it is a refused login like others.
fn is_by_the_binding(message: &str) -> bool {
    message.contains("channel binding")
}

fn without_answer(error: &Error, user: &str) -> SyncError {
    let source = error.source().map(ToString::to_string).unwrap_or_default();
    // What the library says where the address requires it.
    if source == "server did not use channel binding" {
        return SyncError::NotBound { detail: source };
    }
    if source == "password missing" {
        return SyncError::NoPassword { user: user.to_owned() };
    }
    let detail = visible(&if source.is_empty() { error.to_string() } else { source }, 300);
    let is_of_the_way = matches!(error.source(), Some(source) if source.is::<std::io::Error>());
    if is_of_the_way || error.is_closed() { SyncError::Cut { detail } } else { SyncError::Unexpected { detail } }
}
