// Sending files. XMLHttpRequest, because fetch does not tell how much has been sent.
import { errorOf, noAnswer } from './error';

/** Sends a file, and tells which share of it has gone. Refusals are ApiErrors; an abort is an AbortError, as fetch has it. */
export function upload<Answer>(method: string, url: string, body: Blob, progress: (share: number) => void = () => {}, signal?: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    request.setRequestHeader('Content-Type', 'application/octet-stream');
    request.upload.onprogress = (event) => progress(event.total > 0 ? event.loaded / event.total : 0);
    request.onerror = () => reject(noAnswer());
    request.onabort = () => reject(new DOMException('given up', 'AbortError'));
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) {
        resolve((request.responseText === '' ? undefined : JSON.parse(request.responseText)) as Answer);
        return;
      }
      void errorOf(new Response(request.responseText, { status: request.status, statusText: request.statusText })).then(reject);
    };
    signal?.addEventListener('abort', () => request.abort());
    request.send(body);
  });
}
