import { addressOf, choose } from "./data.ts";

/** A link to another request. */
export function RequestLink({ id }: { readonly id: string }) {
  return (
    <a
      class="mono"
      href={addressOf(id)}
      onClick={(event) => {
        event.preventDefault();
        choose(id);
      }}
    >
      …{id.slice(-8)}
    </a>
  );
}
