import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { z } from "zod";

/** A way to a gateway on which its live snapshots come more often than once a second. */
export type Haste = {
  readonly url: string;
  /** How many snapshots were passed on to all pages together. */
  readonly snapshots: () => number;
} & AsyncDisposable;

const snapshotSchema = z.looseObject({ point: z.looseObject({ at: z.number() }) });

/**
 * Passes everything on to `target`, and each snapshot of `GET /admin/live` `times` times, a second apart by its own clock: so pages get
 * in a minute what they would get in that many minutes.
 */
export async function hasten(target: string, times: number): Promise<Haste> {
  let passed = 0;
  const server = createServer((from, to) => {
    const isLive = from.url === "/admin/live";
    const onward = request(
      new URL(from.url ?? "/", target),
      { method: from.method, headers: from.headers },
      (answer) => {
        to.writeHead(answer.statusCode ?? 502, answer.headers);
        if (!isLive || answer.statusCode !== 200) {
          answer.pipe(to);
          return;
        }
        let event = "";
        let ahead = 0;
        createInterface(answer)
          // The page has gone.
          .on("error", () => to.destroy())
          .on("line", (line) => {
            if (line.startsWith("event: ")) event = line;
            if (!line.startsWith("data: ")) return;
            if (event !== "event: snapshot") {
              to.write(`${event}\n${line}\n\n`);
              return;
            }
            const snapshot = snapshotSchema.parse(JSON.parse(line.slice("data: ".length)));
            const { at } = snapshot.point;
            for (let copy = 0; copy < times; copy += 1) {
              const point = { ...snapshot.point, at: at + 1_000 * (ahead + copy) };
              const frame = `${event}\ndata: ${JSON.stringify({ ...snapshot, point })}\n\n`;
              setTimeout(() => to.write(frame), (copy * 1_000) / times);
              passed += 1;
            }
            ahead += times - 1;
          })
          .on("close", () => to.end());
      },
    );
    onward.on("error", () => to.destroy());
    to.on("close", () => onward.destroy());
    from.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    snapshots: () => passed,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
