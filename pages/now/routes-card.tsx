import type { LiveRoute } from "../../src/live/snapshot.ts";
import { Card, Table } from "../frame/parts.tsx";

/** Where each route would send a request now. */
export function RoutesCard({ routes }: { readonly routes: readonly LiveRoute[] }) {
  return (
    <Card title="Routes" note="where a short request would go now">
      <Table
        caption="Routes"
        rows={routes}
        keyOf={({ route }) => route}
        columns={[
          { title: "Route", cell: ({ route }) => <strong class="now-name">{route}</strong> },
          {
            title: "Asked in this order",
            cell: ({ targets }) =>
              targets
                .map(({ target, reason }) => (reason === null ? target : `${target} (${reason})`))
                .join(", then ") || "none",
          },
          {
            title: "Not asked",
            cell: ({ excluded }) => (
              <span class="quiet">{excluded.map(({ target, reason }) => `${target} (${reason})`).join(", ")}</span>
            ),
          },
        ]}
      />
    </Card>
  );
}
