import type { Command } from "commander";
import { CLIENT_KEYS } from "../../config/environment.ts";
import type { Flags } from "../../config/load.ts";
import type { CliContext } from "../context.ts";
import { addGatewayOptions } from "../gateway-options.ts";
import { addExamples, addNotes } from "../help.ts";

const NOTES = [
  "Takes items from a broker, has them answered, and writes the results to it: at least once, and each result has its item's id. Start as " +
    "many as you like with the same group; they share the items, and take over what one of them has left. An item that can't be answered " +
    "goes to the dead letters.",
  "The URL may be in SLUICE_BROKER_URL, so that a password isn't on the command line.",
];

/** Adds `sluice feed`. */
export function addFeedCommand(program: Command, context: CliContext, done: (exitCode: number) => void): void {
  const feed = program
    .command("feed")
    .description("answer the items of a broker with a preset: Redis Streams, MQTT, NATS JetStream or Kafka")
    .option("--broker <url>", "URL of the broker: redis:, rediss:, mqtt:, mqtts:, nats:, tls:, kafka: or kafkas:")
    .requiredOption("--from <name>", "where items come from: the name of a stream, or topics such as sensors/#")
    .requiredOption("--to <name>", "where results go to")
    .option(
      "--dead <name>",
      "where items go that can't be answered (default: FROM:dead; TO/dead for MQTT, TO.dead for NATS and Kafka)",
    )
    .option("--group <name>", "group of the consumers that share the items", "sluice")
    .option("--consumer <name>", "name of this consumer in the group; for MQTT another for each, and always the same")
    .requiredOption("--preset <preset>", "preset that answers")
    .option("--json", "items are JSON objects with the preset's variables")
    .option("--key <field>", "field of JSON items that is their key, for --overload latest; it stands in the result")
    .option("--in-flight <number>", "items in flight at once", "8")
    .option(
      "--overload <policy>",
      "what happens to items that come too fast: wait, drop-oldest, latest, sample or spill",
      "wait",
    )
    .option("--spill <model>", "model, route or preset/NAME that answers what doesn't fit, with --overload spill")
    .option("--buffer <number>", "how many items may wait", "64")
    .option("--tries <number>", "deliveries after which an item is a dead letter", "5")
    .option("--claim-after <time>", "take over what another consumer has left for so long", "60s")
    .option("--class <class>", "class of the requests: interactive, default or batch", "batch")
    .action(async (flags: Flags) => {
      const { feedItems } = await import("./feed.ts");
      done(await feedItems(flags, context));
    });
  addNotes(feed, ...NOTES);
  addGatewayOptions(feed, CLIENT_KEYS);
  addExamples(
    feed,
    [
      "sluice feed --broker redis://127.0.0.1:6379 --from tickets --to priorities --preset task-priority --json",
      "from a stream of Redis",
    ],
    [
      "sluice feed --broker mqtt://127.0.0.1 --from 'tickets/#' --to priorities --preset task-priority --json",
      "from topics of MQTT",
    ],
    [
      "sluice feed --broker nats://127.0.0.1 --from 'tickets.>' --to priorities --preset task-priority --json",
      "from subjects of NATS JetStream",
    ],
    [
      "sluice feed --broker kafka://127.0.0.1 --from tickets --to priorities --preset task-priority --json",
      "from a topic of Kafka",
    ],
  );
}
