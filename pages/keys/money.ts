/** US dollars: two digits, or as many as a small sum needs. */
export function formatCost(dollars: number): string {
  if (dollars === 0) return "$0";
  return dollars < 0.1 ? `$${dollars.toPrecision(2)}` : `$${dollars.toFixed(2)}`;
}
