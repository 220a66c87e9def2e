import { z } from "zod";

const LIST = /^\d{1,3}(\+\d{1,3})*(,\d{1,3}(\+\d{1,3})*)*$/;

/** The GPUs of each replica of a model. */
export const devicesSchema = z.union([
  z.literal("auto"),
  // A file may have a number, which is one GPU.
  z.int().min(0).max(999),
  z
    .string()
    .max(1_024)
    .regex(LIST)
    .describe("numbers of GPUs, a comma between replicas and a plus between GPUs of one, such as 0,1 or 0+1,2+3"),
]);

/** The numbers of a replica's GPUs; undefined if it may use all. @param value that the schema has checked. @param replica counted from 0 */
export function devicesOf(value: z.infer<typeof devicesSchema>, replica: number): readonly string[] | undefined {
  if (value === "auto") return undefined;
  const lists = String(value).split(",");
  return lists[replica % lists.length]?.split("+");
}
