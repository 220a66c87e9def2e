import { z } from "zod";
import { liveHistory, liveSnapshot } from "../../../live/snapshot.ts";
import type { Operation } from "../operation.ts";

export const showLive: Operation = {
  method: "get",
  path: "/admin/live",
  id: "showLive",
  tag: "Administration",
  summary: "Follows what the gateway does, once a second",
  description:
    "An event stream: one `history` event with the seconds that were looked at before, up to a quarter of an hour, and then a `snapshot` event each second, until the client leaves, or its key is no longer an admin's. Who reads more slowly gets the newest snapshot, and none in between. No prompt and no answer is in it. Access is the same as for `GET /admin/usage`.",
  answers: {
    200: {
      description: "The events.",
      content: { "text/event-stream": { name: "LiveEvent", schema: z.union([liveHistory, liveSnapshot]) } },
    },
  },
  errors: [403, 404, 429, 500],
  access: "admin",
};
