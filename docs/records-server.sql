-- Prepares a PostgreSQL database (11 or newer, encoding UTF8) for the records of a team of Linesman users.
-- Run it once, as the owner of the database:   psql --single-transaction -f records-server.sql DATABASE
-- Then one role for each computer:             CREATE ROLE kim LOGIN PASSWORD '…' IN ROLE linesman_writer;
--
-- Who may write may add, and nothing else: no entry is ever changed or deleted, and each role adds only to the chains it
-- began itself. Readers need linesman_reader.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'linesman_writer') THEN
        CREATE ROLE linesman_writer NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'linesman_reader') THEN
        CREATE ROLE linesman_reader NOLOGIN;
    END IF;
END
$$;

CREATE SCHEMA linesman;

-- A row for each computer: the first line of its bundle.
CREATE TABLE linesman.chains (
    chain    bytea PRIMARY KEY CHECK (octet_length(chain) = 32),
    line     text NOT NULL CHECK (octet_length(line) <= 4096),
    added_by name NOT NULL DEFAULT session_user,
    added_at timestamptz NOT NULL DEFAULT now()
);

-- The lines of bundles, each in its one place.
CREATE TABLE linesman.entries (
    chain  bytea NOT NULL REFERENCES linesman.chains,
    number bigint NOT NULL CHECK (number > 0),
    line   text NOT NULL,
    PRIMARY KEY (chain, number)
);
CREATE TABLE linesman.segments (
    chain  bytea NOT NULL REFERENCES linesman.chains,
    number bigint NOT NULL CHECK (number > 0),
    line   text NOT NULL,
    PRIMARY KEY (chain, number)
);
CREATE TABLE linesman.heads (
    chain bytea NOT NULL REFERENCES linesman.chains,
    entry bigint NOT NULL CHECK (entry > 0),
    line  text NOT NULL,
    PRIMARY KEY (chain, entry)
);

-- Whoever may read, reads all; a role adds only to the chains that it began.
ALTER TABLE linesman.entries ENABLE ROW LEVEL SECURITY;
ALTER TABLE linesman.segments ENABLE ROW LEVEL SECURITY;
ALTER TABLE linesman.heads ENABLE ROW LEVEL SECURITY;
CREATE POLICY readable ON linesman.entries FOR SELECT USING (true);
CREATE POLICY readable ON linesman.segments FOR SELECT USING (true);
CREATE POLICY readable ON linesman.heads FOR SELECT USING (true);
CREATE POLICY own_chain ON linesman.entries FOR INSERT WITH CHECK (EXISTS (
    SELECT FROM linesman.chains WHERE chains.chain = entries.chain AND chains.added_by = session_user));
CREATE POLICY own_chain ON linesman.segments FOR INSERT WITH CHECK (EXISTS (
    SELECT FROM linesman.chains WHERE chains.chain = segments.chain AND chains.added_by = session_user));
CREATE POLICY own_chain ON linesman.heads FOR INSERT WITH CHECK (EXISTS (
    SELECT FROM linesman.chains WHERE chains.chain = heads.chain AND chains.added_by = session_user));

REVOKE ALL ON SCHEMA linesman FROM PUBLIC;
GRANT USAGE ON SCHEMA linesman TO linesman_writer, linesman_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA linesman TO linesman_writer, linesman_reader;
GRANT INSERT (chain, line) ON linesman.chains TO linesman_writer;
GRANT INSERT (chain, number, line) ON linesman.entries, linesman.segments TO linesman_writer;
GRANT INSERT (chain, entry, line) ON linesman.heads TO linesman_writer;

-- Against a slip of the owner's hand; roles of computers have no right to change anything in the first place.
CREATE FUNCTION linesman.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'records are append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER chains_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON linesman.chains
    FOR EACH STATEMENT EXECUTE FUNCTION linesman.refuse();
CREATE TRIGGER entries_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON linesman.entries
    FOR EACH STATEMENT EXECUTE FUNCTION linesman.refuse();
CREATE TRIGGER segments_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON linesman.segments
    FOR EACH STATEMENT EXECUTE FUNCTION linesman.refuse();
CREATE TRIGGER heads_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON linesman.heads
    FOR EACH STATEMENT EXECUTE FUNCTION linesman.refuse();
