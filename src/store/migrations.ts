/**
 * The migrations of a state file from version n to n + 1, oldest first. Their number is the current version, kept in `user_version`. Never change a
 * released one: add another.
 *
 * An item is stored once, however many responses and conversations hold it, and is deleted with the last of them. `tenant` is the owner of a row.
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE items (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    tenant TEXT NOT NULL,
    body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX items_by_id ON items (tenant, id);

  CREATE TABLE responses (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    status TEXT NOT NULL,
    pid INTEGER NOT NULL,
    body TEXT NOT NULL,
    events TEXT
  ) STRICT;
  CREATE INDEX responses_by_age ON responses (created_ms);

  CREATE TABLE response_items (
    owner TEXT NOT NULL REFERENCES responses (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    item INTEGER NOT NULL REFERENCES items (seq),
    is_output INTEGER NOT NULL,
    PRIMARY KEY (owner, position)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX response_items_by_item ON response_items (item);

  CREATE TABLE conversations (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    metadata TEXT NOT NULL
  ) STRICT;
  CREATE INDEX conversations_by_age ON conversations (changed_ms);

  CREATE TABLE conversation_items (
    owner TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    item INTEGER NOT NULL REFERENCES items (seq),
    PRIMARY KEY (owner, position)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX conversation_items_by_item ON conversation_items (item);

  CREATE TRIGGER response_item_gone AFTER DELETE ON response_items BEGIN
    DELETE FROM items WHERE seq = OLD.item
      AND NOT EXISTS (SELECT 1 FROM response_items WHERE item = OLD.item)
      AND NOT EXISTS (SELECT 1 FROM conversation_items WHERE item = OLD.item);
  END;
  CREATE TRIGGER conversation_item_gone AFTER DELETE ON conversation_items BEGIN
    DELETE FROM items WHERE seq = OLD.item
      AND NOT EXISTS (SELECT 1 FROM response_items WHERE item = OLD.item)
      AND NOT EXISTS (SELECT 1 FROM conversation_items WHERE item = OLD.item);
  END;

  CREATE TABLE chat_completions (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    model TEXT NOT NULL,
    metadata TEXT NOT NULL,
    body TEXT NOT NULL,
    messages TEXT NOT NULL
  ) STRICT;
  CREATE INDEX chat_completions_by_age ON chat_completions (created_ms);
  `,
  `
  CREATE TABLE secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
  `,
  `
  CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    policy TEXT NOT NULL
  ) STRICT;

  CREATE TABLE key_secrets (
    hash TEXT PRIMARY KEY,
    key TEXT NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
    expires_ms INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX key_secrets_by_key ON key_secrets (key);

  CREATE TABLE key_usage (
    day TEXT NOT NULL,
    key TEXT NOT NULL,
    name TEXT NOT NULL,
    model TEXT NOT NULL,
    requests INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    cached_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    refusals INTEGER NOT NULL,
    PRIMARY KEY (day, key, model)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  ALTER TABLE key_usage ADD COLUMN cost_nanos INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE key_usage ADD COLUMN millijoules INTEGER NOT NULL DEFAULT 0;
  `,
  `
  CREATE TABLE files (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    bytes INTEGER NOT NULL,
    filename TEXT NOT NULL,
    purpose TEXT NOT NULL
  ) STRICT;
  CREATE INDEX files_by_tenant ON files (tenant, seq);
  CREATE INDEX files_by_end ON files (expires_ms) WHERE expires_ms IS NOT NULL;
  `,
  `
  CREATE TABLE shadows (
    id TEXT PRIMARY KEY,
    created_ms INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    preset TEXT,
    model TEXT NOT NULL,
    local TEXT NOT NULL,
    is_structured INTEGER NOT NULL,
    is_same INTEGER NOT NULL,
    similarity REAL,
    mean REAL,
    least REAL,
    cost_nanos INTEGER,
    question TEXT,
    theirs TEXT,
    ours TEXT
  ) STRICT;
  CREATE INDEX shadows_by_age ON shadows (created_ms);
  CREATE TRIGGER key_gone AFTER DELETE ON keys BEGIN
    UPDATE shadows SET question = NULL, theirs = NULL, ours = NULL WHERE tenant = OLD.id AND question IS NOT NULL;
  END;
  `,
  `
  CREATE TABLE batches (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL,
    key TEXT,
    created_ms INTEGER NOT NULL,
    ends_ms INTEGER NOT NULL,
    status TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    input_file TEXT NOT NULL,
    output_file TEXT NOT NULL,
    error_file TEXT NOT NULL,
    body TEXT NOT NULL,
    progress TEXT
  ) STRICT;
  CREATE INDEX batches_by_tenant ON batches (tenant, kind, seq);
  CREATE INDEX batches_by_age ON batches (created_ms);
  CREATE INDEX batches_unfinished ON batches (seq)
    WHERE status IN ('validating', 'in_progress', 'finalizing', 'cancelling');
  CREATE INDEX batches_by_input ON batches (input_file);
  CREATE INDEX batches_by_output ON batches (output_file);
  CREATE INDEX batches_by_error ON batches (error_file);
  `,
  `
  CREATE TABLE uploads (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    ends_ms INTEGER NOT NULL,
    status TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    filename TEXT NOT NULL,
    purpose TEXT NOT NULL,
    life_ms INTEGER,
    parts TEXT NOT NULL,
    file TEXT
  ) STRICT;
  CREATE INDEX uploads_by_age ON uploads (created_ms);
  CREATE INDEX uploads_pending ON uploads (tenant, ends_ms) WHERE status = 'pending';
  `,
  `
  CREATE TABLE shadow_omissions (
    hour_ms INTEGER NOT NULL,
    preset TEXT NOT NULL,
    reason TEXT NOT NULL,
    calls INTEGER NOT NULL,
    PRIMARY KEY (hour_ms, preset, reason)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE streams (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    key TEXT,
    created_ms INTEGER NOT NULL,
    ends_ms INTEGER NOT NULL,
    pid INTEGER NOT NULL,
    seed INTEGER NOT NULL,
    prints TEXT NOT NULL,
    request TEXT NOT NULL,
    lost TEXT,
    charged TEXT
  ) STRICT;
  CREATE INDEX streams_by_end ON streams (ends_ms);
  CREATE INDEX streams_by_key ON streams (key);
  CREATE TABLE stream_steps (
    stream TEXT NOT NULL REFERENCES streams (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (stream, position)
  ) STRICT, WITHOUT ROWID;
  CREATE TRIGGER key_of_streams_gone AFTER DELETE ON keys BEGIN
    DELETE FROM streams WHERE key = OLD.id;
  END;
  `,
  `
  CREATE TABLE comparisons (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    created_ms INTEGER NOT NULL,
    body TEXT NOT NULL
  ) STRICT;
  `,
  `
  CREATE TABLE batch_segments (
    batch TEXT NOT NULL REFERENCES batches (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (batch, number)
  ) STRICT, WITHOUT ROWID;
  `,
];
