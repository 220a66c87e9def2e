import { useState } from "preact/hooks";
import { Button } from "../frame/parts.tsx";
import { library, pull, pulls } from "./library.ts";

/** Pulls a model that the catalogue doesn't have, by its name at the hub. */
export function PullForm() {
  const [name, setName] = useState("");
  const wanted = name.trim();
  // Those of the catalogue show their progress in the table.
  const others = [...pulls.value].filter(([each]) => library.value?.data.some((model) => model.name === each) !== true);
  return (
    <form
      class="models-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (wanted === "") return;
        void pull(wanted);
        setName("");
      }}
    >
      <label>
        <span class="unseen">Model to pull</span>
        <input
          type="text"
          placeholder="hf:owner/repo"
          spellcheck={false}
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
      </label>
      <Button type="submit" disabled={wanted === ""}>
        Pull
      </Button>
      {others.map(([each, { status, choice, error }]) => (
        <p key={each} class="models-other" aria-live="polite">
          {each}: {error instanceof Error ? error.message : status}
          {choice !== undefined && `. ${choice}`}
        </p>
      ))}
    </form>
  );
}
