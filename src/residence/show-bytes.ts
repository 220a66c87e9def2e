const MIB = 1024 ** 2;

/** An amount of memory for messages: `586 MiB`, `4.2 GiB`. */
export function showBytes(bytes: number): string {
  return bytes < 1024 * MIB ? `${Math.ceil(bytes / MIB)} MiB` : `${(bytes / (1024 * MIB)).toFixed(1)} GiB`;
}
