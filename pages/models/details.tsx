import { useEffect, useState } from "preact/hooks";
import { ApiError, fetchJson } from "../api/fetch.ts";
import { formatNumber } from "../frame/format.ts";
import { Button, Dialog, ErrorNote } from "../frame/parts.tsx";

type Shown = {
  readonly details: {
    readonly family?: string;
    readonly parameter_size?: string;
    readonly quantization_level?: string;
  };
  readonly model_info: Readonly<Record<string, unknown>>;
  readonly capabilities: readonly string[];
};

type Known = { readonly shown: Shown; readonly template: string | undefined };

/** What the template is shown with. */
const EXAMPLE = [
  { role: "system", content: "You are brief." },
  { role: "user", content: "Why is the sky blue?" },
  { role: "assistant", content: "Air scatters blue light most." },
  { role: "user", content: "And at sunset?" },
];

/** What a served model's file says, and its template with an example. */
export function Details({ model, onClose }: { readonly model: string | undefined; readonly onClose: () => void }) {
  const [known, setKnown] = useState<Known>();
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    let isGone = false;
    setKnown(undefined);
    setError(undefined);
    if (model !== undefined) {
      read(model).then(
        (found) => isGone || setKnown(found),
        (reason: unknown) => isGone || setError(reason),
      );
    }
    return () => {
      isGone = true;
    };
  }, [model]);
  return (
    <Dialog title={model ?? ""} isOpen={model !== undefined} onClose={onClose}>
      {error !== undefined && <ErrorNote error={error} />}
      {known !== undefined && model !== undefined && (
        <>
          <dl class="models-facts">
            {factsOf(known.shown).map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
          {known.template !== undefined && <Template model={model} template={known.template} />}
        </>
      )}
      <div class="dialog-actions">
        <Button onClick={onClose}>Close</Button>
      </div>
    </Dialog>
  );
}

function Template({ model, template }: { readonly model: string; readonly template: string }) {
  const [rendered, setRendered] = useState<string>();
  const [error, setError] = useState<unknown>();
  return (
    <div class="models-template">
      <h3>Template</h3>
      <details>
        <summary>As it stands in the file</summary>
        <pre>{template}</pre>
      </details>
      {rendered === undefined ? (
        <Button onClick={() => void render(model).then(setRendered, setError)}>Show it with an example</Button>
      ) : (
        <figure>
          <figcaption class="quiet">A conversation of four messages, as the model reads it</figcaption>
          <pre>{rendered}</pre>
        </figure>
      )}
      {error !== undefined && <ErrorNote error={error} />}
    </div>
  );
}

async function read(model: string): Promise<Known> {
  const [shown, props] = await Promise.all([
    fetchJson<Shown>("/api/show", { method: "POST", body: { model } }),
    // Only models that write text have them.
    fetchJson<{ readonly chat_template?: string }>(`/props?model=${encodeURIComponent(model)}`).catch(
      (error: unknown) => {
        if (error instanceof ApiError && error.status < 500) return {};
        throw error;
      },
    ),
  ]);
  return { shown, template: "chat_template" in props && props.chat_template !== "" ? props.chat_template : undefined };
}

/** Loads the model if it isn't loaded. */
async function render(model: string): Promise<string> {
  const { prompt } = await fetchJson<{ readonly prompt: string }>("/apply-template", {
    method: "POST",
    body: { model, messages: EXAMPLE },
  });
  return prompt;
}

/** The first of these names that it has is written once. */
function factsOf({ details, model_info: info, capabilities }: Shown): readonly (readonly [string, string])[] {
  const facts: [string, string][] = [
    ["Family", details.family ?? ""],
    ["Parameters", details.parameter_size ?? ""],
    ["Quantization", details.quantization_level ?? ""],
    ["Can", capabilities.join(", ")],
    ...Object.entries(info).map(([name, value]): [string, string] => [name, show(value)]),
  ];
  return facts.filter(([, value]) => value !== "");
}

function show(value: unknown): string {
  if (typeof value === "number") return formatNumber(value);
  return typeof value === "string" ? value : JSON.stringify(value);
}
