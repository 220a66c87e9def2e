/** Whose an answer is that is everybody's. */
export const PUBLIC_SCOPE = "public";

/** Whose an answer is that belongs to one tenant. */
export function tenantScope(tenant: string): string {
  return `tenant:${tenant}`;
}
