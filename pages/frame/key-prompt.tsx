import { useState } from "preact/hooks";
import { key, setKey } from "../api/key.ts";
import { Button, Dialog, Field } from "./parts.tsx";

type KeyPromptProps = { readonly isOpen: boolean; readonly reason: string | undefined; readonly onClose: () => void };

/** Asks for an API key. A form, so that a password manager can keep it. */
export function KeyPrompt({ isOpen, reason, onClose }: KeyPromptProps) {
  const [secret, setSecret] = useState("");
  const take = (value: string | undefined) => {
    setKey(value);
    setSecret("");
    onClose();
  };
  return (
    <Dialog title="API key" isOpen={isOpen} onClose={onClose}>
      <p>{reason ?? "The key is sent to this gateway only, and forgotten when this tab is closed."}</p>
      <form
        class="dialog-body"
        onSubmit={(event) => {
          event.preventDefault();
          if (secret.trim() !== "") take(secret.trim());
        }}
      >
        <Field label="Key">
          <input
            type="password"
            autocomplete="current-password"
            spellcheck={false}
            value={secret}
            onInput={(event) => setSecret(event.currentTarget.value)}
          />
        </Field>
        <div class="dialog-actions">
          {key.value !== undefined && (
            <Button kind="quiet" onClick={() => take(undefined)}>
              Forget the key
            </Button>
          )}
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" disabled={secret.trim() === ""}>
            Use the key
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
