/** The scope of an answer that every tenant may use. */
export const PUBLIC_SCOPE = "public";

/** The scope of an answer that only one tenant may use. */
export function tenantScope(tenant: string): string {
  return `tenant:${tenant}`;
}
