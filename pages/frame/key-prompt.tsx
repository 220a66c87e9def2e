import { useRef, useState } from "preact/hooks";
import { checkKey } from "../api/fetch.ts";
import { key, setKey } from "../api/key.ts";
import { Button, Dialog, ErrorNote, Field } from "./parts.tsx";

type KeyPromptProps = { readonly isOpen: boolean; readonly reason: string | undefined; readonly onClose: () => void };

/** Asks for an API key, and takes none that the gateway refuses. A form, so that a password manager can keep it. */
export function KeyPrompt({ isOpen, reason, onClose }: KeyPromptProps) {
  const [secret, setSecret] = useState("");
  const [problem, setProblem] = useState<string>();
  const [isChecked, setIsChecked] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  const close = () => {
    setSecret("");
    setProblem(undefined);
    onClose();
  };
  const take = (value: string | undefined) => {
    close();
    setKey(value);
  };
  const check = async (value: string) => {
    setIsChecked(true);
    const refused = await checkKey(value);
    setIsChecked(false);
    if (refused === undefined) return take(value);
    setProblem(refused);
    field.current?.select();
  };
  return (
    <Dialog title="API key" isOpen={isOpen} onClose={close}>
      <p>{reason ?? "The key is sent to this gateway only, and forgotten when this tab is closed."}</p>
      <form
        class="dialog-body"
        onSubmit={(event) => {
          event.preventDefault();
          if (secret.trim() !== "" && !isChecked) void check(secret.trim());
        }}
      >
        <Field label="Key">
          <input
            ref={field}
            type="password"
            autocomplete="current-password"
            spellcheck={false}
            value={secret}
            aria-invalid={problem !== undefined}
            onInput={(event) => {
              setSecret(event.currentTarget.value);
              setProblem(undefined);
            }}
          />
        </Field>
        {problem !== undefined && <ErrorNote error={problem} />}
        <div class="dialog-actions">
          {key.value !== undefined && (
            <Button kind="quiet" onClick={() => take(undefined)}>
              Forget the key
            </Button>
          )}
          <Button onClick={close}>Cancel</Button>
          <Button kind="primary" type="submit" disabled={secret.trim() === "" || isChecked}>
            Use the key
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
