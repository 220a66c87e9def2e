import { useLayoutEffect, useState } from "preact/hooks";
import { setKey } from "../api/key.ts";
import { Button, Dialog, ErrorNote, Field } from "../frame/parts.tsx";
import { createKey, LIMITS, type NewKey, refresh } from "./keys.ts";

type NewKeyDialogProps = { readonly isOpen: boolean; readonly isFirst: boolean; readonly onClose: () => void };

/** Makes a key, and shows its secret once. */
export function NewKeyDialog({ isOpen, isFirst, onClose }: NewKeyDialogProps) {
  const [made, setMade] = useState<Awaited<ReturnType<typeof createKey>>>();
  useLayoutEffect(() => {
    // The secret is nowhere once the dialog is closed.
    if (!isOpen) setMade(undefined);
  }, [isOpen]);
  function close(): void {
    // From now on every request needs one, and this page has no other.
    if (isFirst && made !== undefined) setKey(made.secret);
    onClose();
  }
  return (
    <Dialog title={made === undefined ? "New key" : "The new key"} isOpen={isOpen} onClose={close}>
      {made === undefined ? (
        <KeyForm
          isFirst={isFirst}
          onCancel={onClose}
          onMade={(key) => {
            setMade(key);
            // After the first, nothing can be read without it.
            if (!isFirst) void refresh();
          }}
        />
      ) : (
        <Secret {...made} onClose={close} />
      )}
    </Dialog>
  );
}

type KeyFormProps = {
  readonly isFirst: boolean;
  readonly onCancel: () => void;
  readonly onMade: (key: Awaited<ReturnType<typeof createKey>>) => void;
};

function KeyForm({ isFirst, onCancel, onMade }: KeyFormProps) {
  const [error, setError] = useState<unknown>();
  const [isSent, setIsSent] = useState(false);
  return (
    <form
      class="keys-form"
      onSubmit={(event) => {
        event.preventDefault();
        setIsSent(true);
        createKey(readForm(new FormData(event.currentTarget)))
          .then(onMade, setError)
          .finally(() => setIsSent(false));
      }}
    >
      {isFirst && (
        <p class="quiet">
          Once there is a key, every request needs one. Without an admin's key these pages show nothing more.
        </p>
      )}
      <Field label="Name">
        <input type="text" name="name" required maxLength={64} autocomplete="off" />
      </Field>
      <div class="keys-fields">
        <Field label="Class">
          <select name="class">
            <option value="interactive">interactive</option>
            <option value="default" selected>
              default
            </option>
            <option value="batch">batch</option>
          </select>
        </Field>
        <Field label="Expires, such as 30d or 2027-01-31">
          <input type="text" name="expires" placeholder="never" autocomplete="off" />
        </Field>
        {LIMITS.map(([name, words]) => (
          <Field key={name} label={`Most ${words}`}>
            <input type="number" name={name} min={0} step="any" placeholder="no limit" />
          </Field>
        ))}
      </div>
      <Field label="Models, with commas between">
        <input type="text" name="models" placeholder="all" autocomplete="off" />
      </Field>
      <label class="keys-check">
        <input type="checkbox" name="admin" defaultChecked={isFirst} /> may administer the gateway, and so use these
        pages
      </label>
      {error !== undefined && <ErrorNote error={error} />}
      <div class="dialog-actions">
        <Button onClick={onCancel}>Cancel</Button>
        <Button kind="primary" type="submit" disabled={isSent}>
          Create
        </Button>
      </div>
    </form>
  );
}

/** What is left empty is left out. */
function readForm(form: FormData): NewKey {
  const text = (name: string) => String(form.get(name) ?? "").trim();
  const models = text("models")
    .split(",")
    .map((model) => model.trim())
    .filter((model) => model !== "");
  const limits = LIMITS.flatMap(([name]) => (text(name) === "" ? [] : [[name, Number(text(name))] as const]));
  return {
    name: text("name"),
    class: text("class"),
    ...(text("expires") !== "" && { expires: text("expires") }),
    ...Object.fromEntries(limits),
    ...(models.length > 0 && { models }),
    ...(form.get("admin") !== null && { admin: true }),
  };
}

type SecretProps = { readonly secret: string; readonly warnings: readonly string[]; readonly onClose: () => void };

function Secret({ secret, warnings, onClose }: SecretProps) {
  const [isCopied, setIsCopied] = useState(false);
  return (
    <div class="keys-form">
      <p>Copy it now. It is stored nowhere, and can't be shown again.</p>
      <output class="keys-secret mono">{secret}</output>
      {warnings.map((warning) => (
        <ErrorNote key={warning} kind="warn" error={warning} />
      ))}
      <div class="dialog-actions">
        {/* Browsers let pages copy only where the connection is secure, or to this machine. */}
        {isSecureContext && (
          <Button
            kind="primary"
            onClick={() => void navigator.clipboard.writeText(secret).then(() => setIsCopied(true))}
          >
            {isCopied ? "Copied" : "Copy"}
          </Button>
        )}
        <Button onClick={onClose}>Done</Button>
      </div>
    </div>
  );
}
