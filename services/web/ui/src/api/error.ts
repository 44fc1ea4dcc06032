import type { components } from './schema';

/** A refusal of the API, or the absence of an answer (status 0, code `unreachable`). `message` is for people. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly field: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(status: number, body: components['schemas']['Error']) {
    super(body.message);
    this.name = 'ApiError';
    this.status = status;
    this.code = body.code;
    this.field = body.field;
    this.retryAfterMs = body.retryAfterMs;
  }
}

const unreachable = {
  code: 'unreachable',
  message: 'The appliance does not answer. Check that it is running and that the network is up.',
};

/** The error of a fetch that got no answer at all. */
export function noAnswer(): ApiError {
  return new ApiError(0, unreachable);
}

/** Reads an error answer; a body in another shape (a proxy's page, say) still becomes a sentence. */
export async function errorOf(response: Response): Promise<ApiError> {
  try {
    const body: unknown = await response.json();
    if (isErrorBody(body)) return new ApiError(response.status, body);
  } catch {
    // Not JSON: the general sentence below says what is known.
  }
  return new ApiError(response.status, {
    code: 'unexpected',
    message: `The appliance answered ${response.status} ${response.statusText} without an explanation. Try again, and look at the log of its services if it stays.`,
  });
}

function isErrorBody(body: unknown): body is components['schemas']['Error'] {
  if (typeof body !== 'object' || body === null) return false;
  const fields = body as Record<string, unknown>;
  return typeof fields.code === 'string' && typeof fields.message === 'string';
}

/** What to show for anything that was thrown. */
export function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
