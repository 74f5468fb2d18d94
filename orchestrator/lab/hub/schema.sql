-- STRICT makes the database itself refuse a fractional score, as the Hub's
-- Int column does; the CHECK adds the column's 32 bits.
CREATE TABLE IF NOT EXISTS hackathons (
    id   TEXT PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS teams (
    id           TEXT PRIMARY KEY,
    name         TEXT NOT NULL,
    nickname     TEXT NOT NULL UNIQUE,
    hackathon_id TEXT NOT NULL REFERENCES hackathons (id),
    status       TEXT NOT NULL,
    level        TEXT,
    created_at   TEXT NOT NULL,
    updated_at   TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS team_environment_data (
    id          TEXT PRIMARY KEY,
    team_id     TEXT NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    key         TEXT NOT NULL,
    value       TEXT NOT NULL,
    description TEXT,
    category    TEXT,
    is_secure   INTEGER NOT NULL DEFAULT 0,
    is_editable INTEGER NOT NULL DEFAULT 0,
    created_at  TEXT NOT NULL,
    updated_at  TEXT NOT NULL,
    UNIQUE (team_id, key)
) STRICT;

CREATE TABLE IF NOT EXISTS team_criteria (
    id            TEXT PRIMARY KEY,
    team_id       TEXT NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    hackathon_id  TEXT NOT NULL REFERENCES hackathons (id),
    criteria_type TEXT NOT NULL,
    status        TEXT NOT NULL,
    score         INTEGER CHECK (score BETWEEN -2147483648 AND 2147483647),
    metrics       TEXT,
    last_updated  TEXT NOT NULL,
    updated_by    TEXT,
    created_at    TEXT NOT NULL,
    UNIQUE (team_id, hackathon_id, criteria_type)
) STRICT;

CREATE TABLE IF NOT EXISTS team_criteria_history (
    seq              INTEGER PRIMARY KEY AUTOINCREMENT,
    id               TEXT NOT NULL UNIQUE,
    team_criteria_id TEXT NOT NULL REFERENCES team_criteria (id) ON DELETE CASCADE,
    status           TEXT NOT NULL,
    score            INTEGER CHECK (score BETWEEN -2147483648 AND 2147483647),
    metrics          TEXT,
    updated_by       TEXT,
    created_at       TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS team_criteria_history_by_entry ON team_criteria_history (team_criteria_id, seq);

CREATE TABLE IF NOT EXISTS service_api_keys (
    id           TEXT PRIMARY KEY,
    key_hash     TEXT NOT NULL UNIQUE,
    key_prefix   TEXT NOT NULL,
    permissions  TEXT NOT NULL, -- JSON array
    is_active    INTEGER NOT NULL DEFAULT 1,
    expires_at   TEXT,
    last_used_at TEXT,
    created_at   TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS service_api_key_usage (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    key_id     TEXT NOT NULL REFERENCES service_api_keys (id),
    endpoint   TEXT NOT NULL,
    method     TEXT NOT NULL,
    user_agent TEXT,
    success    INTEGER NOT NULL,
    created_at TEXT NOT NULL
) STRICT;
