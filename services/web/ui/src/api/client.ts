// One function per operation of the API. Whatever fails becomes an ApiError. A session that has ended is told to
// the one listener, wherever in the app it shows.
import { ApiError, errorOf, noAnswer } from './error';
import type {
  ArrayChange,
  ArrayPlan,
  ArrayPlanRequest,
  ArrayRequest,
  Bandwidth,
  BandwidthLimit,
  Calendar,
  CalendarRequest,
  Camera,
  CameraRequest,
  CameraTest,
  CameraTestRequest,
  CameraUsage,
  ClockHistory,
  ConfigurationCopy,
  ConfigurationImport,
  ConfigurationImportRequest,
  Coverage,
  Deletion,
  DeletionConfirmation,
  DeletionPlan,
  DeletionRequest,
  DiskEvent,
  DiskReport,
  Export,
  ExportRequest,
  FactoryReset,
  Firewall,
  FirewallRequest,
  FootageDay,
  History,
  Holiday,
  HostHistory,
  HostWatch,
  HostWatchRequest,
  IndexCopy,
  Installation,
  Layout,
  Login,
  LayoutRequest,
  Network,
  NetworkSettings,
  Overview,
  PastCamera,
  Plan,
  PowerAction,
  Protection,
  ProtectionChange,
  ProtectionRequest,
  Recording,
  Relay,
  RelayAccount,
  RelayAccountRequest,
  RelayAccountSecret,
  RelayReader,
  RelaySettings,
  Repair,
  RepairRequest,
  SelfTestKind,
  ServiceLog,
  Session,
  Setup,
  SigningKey,
  SSH,
  SSHKey,
  SSHSessions,
  SSHSettings,
  Status,
  StreamName,
  TimeServer,
  TimeServerSettings,
  Timeline,
  Trial,
  Trigger,
  TriggerAnswer,
  TriggerRequest,
  User,
  UserChange,
  UserRequest,
  Update,
  UpdateOffer,
  UpdateTry,
  VolumeChange,
  VolumeReport,
} from './model';
import { upload } from './upload';

const base = '/api/v1';

let onSessionEnd: () => void = () => {};

/** Sets what happens when the appliance no longer knows the session. */
export function listenSessionEnd(listener: () => void): void {
  onSessionEnd = listener;
}

type Options = { body?: unknown; signal?: AbortSignal; anonymous?: boolean };

async function send(method: string, path: string, options: Options = {}): Promise<Response> {
  const init: RequestInit = { method, credentials: 'same-origin', cache: 'no-store' };
  if (options.signal) init.signal = options.signal;
  if (options.body !== undefined) {
    init.body = JSON.stringify(options.body);
    init.headers = { 'Content-Type': 'application/json' };
  }
  let response: Response;
  try {
    response = await fetch(base + path, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw noAnswer();
  }
  if (response.ok) return response;
  const failure = await errorOf(response);
  if (response.status === 401 && !options.anonymous) await confirmSessionEnd();
  throw failure;
}

/**
 * Asks whether the session still stands. A 401 alone does not say so: a wrong old password is one too, and a
 * WebSocket that is refused does not even show its status.
 */
export async function confirmSessionEnd(): Promise<void> {
  try {
    const response = await fetch(`${base}/session`, { credentials: 'same-origin', cache: 'no-store' });
    if (response.status === 401) onSessionEnd();
  } catch {
    // No answer is no proof that the session has ended.
  }
}

async function json<T>(method: string, path: string, options?: Options): Promise<T> {
  const response = await send(method, path, options);
  try {
    return (await response.json()) as T;
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError(response.status, {
      code: 'unexpected',
      message: 'The answer of the appliance was cut off or is not what this page understands. Reload the page.',
    });
  }
}

async function nothing(method: string, path: string, options?: Options): Promise<void> {
  await send(method, path, options);
}

/**
 * Whether a new connection gets through. What is fetched without credentials goes by connections of its own, and this one is
 * closed with its answer; those that stand are left alone.
 */
export async function reachedAnew(): Promise<boolean> {
  try {
    const answer = await fetch(`${base}/setup?anew=true`, { credentials: 'omit', cache: 'no-store', signal: AbortSignal.timeout(6000) });
    return answer.ok;
  } catch {
    return false;
  }
}

/**
 * Confirms a change of how the appliance is reached. It refuses that over a connection from before the change, and closes it:
 * asked again, the browser makes a new one.
 */
async function overNewConnection(ask: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 'old_connection' || tries === 8) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100 * tries));
    }
  }
}

const id = encodeURIComponent;

/** Two instants as a query; a fraction of a millisecond falls outside, not inside. */
function range(fromMs: number, toMs: number): string {
  return `fromMs=${Math.floor(fromMs)}&toMs=${Math.ceil(toMs)}`;
}

export const api = {
  setup: () => json<Setup>('GET', '/setup', { anonymous: true }),
  createAdmin: (body: { code: string; username: string; password: string }) =>
    json<Session>('POST', '/setup', { body, anonymous: true }),
  resetPassword: (body: { code: string; password: string }) => json<Session>('POST', '/setup/reset', { body, anonymous: true }),
  login: (body: { username: string; password: string }) =>
    json<Session>('POST', '/login', { body, anonymous: true }),
  logout: () => nothing('POST', '/logout', { anonymous: true }),
  session: () => json<Session>('GET', '/session', { anonymous: true }),
  changePassword: (body: { old: string; new: string }) => nothing('PUT', '/password', { body }),

  cameras: (signal?: AbortSignal) => json<Camera[]>('GET', '/cameras', { signal }),
  pastCameras: () => json<PastCamera[]>('GET', '/cameras/past'),
  addCamera: (body: CameraRequest) => json<Camera>('POST', '/cameras', { body }),
  putCamera: (camera: string, body: CameraRequest) => json<Camera>('PUT', `/cameras/${id(camera)}`, { body }),
  deleteCamera: (camera: string) => nothing('DELETE', `/cameras/${id(camera)}`),
  testCamera: (body: CameraTestRequest, signal?: AbortSignal) =>
    json<CameraTest>('POST', '/cameras/test', { body, signal }),

  users: (signal?: AbortSignal) => json<User[]>('GET', '/users', { signal }),
  addUser: (body: UserRequest) => json<User>('POST', '/users', { body }),
  putUser: (user: string, body: UserChange) => json<User>('PUT', `/users/${id(user)}`, { body }),
  deleteUser: (user: string) => nothing('DELETE', `/users/${id(user)}`),
  layouts: (signal?: AbortSignal) => json<Layout[]>('GET', '/layouts', { signal }),
  addLayout: (body: LayoutRequest) => json<Layout>('POST', '/layouts', { body }),
  putLayout: (layout: string, body: LayoutRequest) => json<Layout>('PUT', `/layouts/${id(layout)}`, { body }),
  deleteLayout: (layout: string) => nothing('DELETE', `/layouts/${id(layout)}`),

  overview: (camera: string, fromMs: number, toMs: number, resolutionMs: number, signal?: AbortSignal) =>
    json<Overview>('GET', `/cameras/${id(camera)}/overview?${range(fromMs, toMs)}&resolutionMs=${Math.ceil(resolutionMs)}`, { signal }),
  days: (camera: string, fromMs: number, toMs: number, signal?: AbortSignal) =>
    json<FootageDay[]>('GET', `/cameras/${id(camera)}/days?${range(fromMs, toMs)}`, { signal }),
  timeline: (camera: string, fromMs: number, toMs: number, signal?: AbortSignal) =>
    json<Timeline>('GET', `/cameras/${id(camera)}/timeline?${range(fromMs, toMs)}`, { signal }),
  triggers: (camera: string, fromMs: number, toMs: number, signal?: AbortSignal) =>
    json<Trigger[]>('GET', `/cameras/${id(camera)}/triggers?${range(fromMs, toMs)}`, { signal }),
  trigger: (camera: string, body: TriggerRequest) => json<TriggerAnswer>('POST', `/cameras/${id(camera)}/triggers`, { body }),
  force: (camera: string, seconds: number) => nothing('POST', `/cameras/${id(camera)}/forced`, { body: { seconds } }),
  stopForced: (camera: string) => nothing('DELETE', `/cameras/${id(camera)}/forced`),
  history: (camera: string, stream: StreamName, fromMs: number, toMs: number, signal?: AbortSignal) =>
    json<History>('GET', `/cameras/${id(camera)}/history?stream=${stream}&${range(fromMs, toMs)}`, { signal }),
  cameraCoverage: (camera: string, fromMs: number, toMs: number, signal?: AbortSignal) =>
    json<Coverage>('GET', `/cameras/${id(camera)}/coverage?${range(fromMs, toMs)}`, { signal }),
  coverage: (fromMs: number, toMs: number, signal?: AbortSignal) =>
    json<Coverage[]>('GET', `/coverage?${range(fromMs, toMs)}`, { signal }),

  calendars: (signal?: AbortSignal) => json<Calendar[]>('GET', '/calendars', { signal }),
  addCalendar: (body: CalendarRequest) => json<Calendar>('POST', '/calendars', { body }),
  putCalendar: (calendar: string, body: CalendarRequest) => json<Calendar>('PUT', `/calendars/${id(calendar)}`, { body }),
  deleteCalendar: (calendar: string) => nothing('DELETE', `/calendars/${id(calendar)}`),
  holidays: (signal?: AbortSignal) => json<Holiday[]>('GET', '/holidays', { signal }),
  setHolidays: (body: Holiday[]) => nothing('PUT', '/holidays', { body }),

  protections: (signal?: AbortSignal) => json<Protection[]>('GET', '/protections', { signal }),
  protect: (body: ProtectionRequest) => json<Protection>('POST', '/protections', { body }),
  putProtection: (protection: string, body: ProtectionChange) => json<Protection>('PUT', `/protections/${id(protection)}`, { body }),
  lift: (protection: string) => nothing('DELETE', `/protections/${id(protection)}`),
  deletions: (signal?: AbortSignal) => json<Deletion[]>('GET', '/deletions', { signal }),
  planDeletion: (body: DeletionRequest) => json<DeletionPlan>('POST', '/deletions/plan', { body }),
  addDeletion: (body: DeletionConfirmation) => json<Deletion>('POST', '/deletions', { body }),
  stopDeletion: (one: string) => nothing('DELETE', `/deletions/${id(one)}`),
  exports: (signal?: AbortSignal) => json<Export[]>('GET', '/exports', { signal }),
  addExport: (body: ExportRequest) => json<Export>('POST', '/exports', { body }),
  deleteExport: (one: string) => nothing('DELETE', `/exports/${id(one)}`),
  signingKey: (signal?: AbortSignal) => json<SigningKey>('GET', '/exports/key', { signal }),

  relay: (signal?: AbortSignal) => json<Relay>('GET', '/relay', { signal }),
  setRelay: (body: RelaySettings) => json<Relay>('PUT', '/relay', { body }),
  relayAccounts: (signal?: AbortSignal) => json<RelayAccount[]>('GET', '/relay/accounts', { signal }),
  addRelayAccount: (body: RelayAccountRequest) => json<RelayAccountSecret>('POST', '/relay/accounts', { body }),
  putRelayAccount: (account: string, body: RelayAccountRequest) => json<RelayAccount>('PUT', `/relay/accounts/${id(account)}`, { body }),
  deleteRelayAccount: (account: string) => nothing('DELETE', `/relay/accounts/${id(account)}`),
  renewRelayPassword: (account: string) => json<RelayAccountSecret>('POST', `/relay/accounts/${id(account)}/password`),
  relayReaders: (signal?: AbortSignal) => json<RelayReader[]>('GET', '/relay/readers', { signal }),
  leaveRelayReader: (reader: string) => nothing('DELETE', `/relay/readers/${id(reader)}`),
  usage: (signal?: AbortSignal) => json<CameraUsage[]>('GET', '/recording/usage', { signal }),
  recording: (signal?: AbortSignal) => json<Recording>('GET', '/recording', { signal }),
  repairState: (signal?: AbortSignal) => json<Repair>('GET', '/recording/repair', { signal }),
  repair: (body: RepairRequest) => json<Repair>('POST', '/recording/repair', { body }),
  accountCopies: (signal?: AbortSignal) => json<IndexCopy[]>('GET', '/account-copies', { signal }),
  configurationCopies: (signal?: AbortSignal) => json<ConfigurationCopy[]>('GET', '/configuration/copies', { signal }),
  limitVolume: (volume: string, limitPercent: number) =>
    nothing('PUT', `/recording/volumes/${id(volume)}`, { body: { limitPercent } }),
  warnVolume: (volume: string, warnPercent: number) =>
    nothing('PUT', `/recording/volumes/${id(volume)}`, { body: { warnPercent } }),
  retireVolume: (volume: string, retired: boolean) =>
    nothing('PUT', `/recording/volumes/${id(volume)}`, { body: { retired } }),

  status: (after?: number, signal?: AbortSignal) =>
    json<Status>('GET', after === undefined ? '/status' : `/status?after=${after}`, { signal }),
  setClock: (body: { ntpServers: string[]; timeZone?: string; setAt?: string[] }) => nothing('PUT', '/clock', { body }),
  clockHistory: (signal?: AbortSignal) => json<ClockHistory>('GET', '/clock/history', { signal }),
  ssh: (signal?: AbortSignal) => json<SSH>('GET', '/ssh', { signal }),
  setSSH: (body: SSHSettings) => nothing('PUT', '/ssh', { body }),
  addSSHKey: (body: { key: string; comment?: string }) => json<SSHKey>('POST', '/ssh/keys', { body }),
  deleteSSHKey: (key: string) => nothing('DELETE', `/ssh/keys/${id(key)}`),
  allowShell: (minutes: number) => nothing('PUT', '/ssh/shell', { body: { minutes } }),
  endShell: () => nothing('DELETE', '/ssh/shell'),
  logins: (signal?: AbortSignal) => json<Login[]>('GET', '/logins', { signal }),
  sshSessions: (signal?: AbortSignal) => json<SSHSessions>('GET', '/ssh/sessions', { signal }),
  timeServer: (signal?: AbortSignal) => json<TimeServer>('GET', '/time-server', { signal }),
  setTimeServer: (body: TimeServerSettings) => nothing('PUT', '/time-server', { body }),
  firewall: (signal?: AbortSignal) => json<Firewall>('GET', '/firewall', { signal }),
  putFirewall: (body: FirewallRequest) => json<Plan>('PUT', '/firewall', { body }),
  putWebPort: (body: { port: number; dryRun: boolean }) => json<Plan>('PUT', '/web-port', { body }),
  bandwidth: (signal?: AbortSignal) => json<Bandwidth[]>('GET', '/bandwidth', { signal }),
  setBandwidth: (body: BandwidthLimit[]) => nothing('PUT', '/bandwidth', { body }),
  network: (signal?: AbortSignal) => json<Network>('GET', '/network', { signal }),
  putNetwork: (body: { settings: NetworkSettings; version: string; dryRun: boolean }) => json<Plan>('PUT', '/network', { body }),
  confirmTrial: (subject: Trial['subject']) => overNewConnection(() => nothing('POST', `/${subject}/confirm`)),
  rollBackTrial: (subject: Trial['subject']) => nothing('POST', `/${subject}/rollback`),
  diskHealth: (disk: string, signal?: AbortSignal) => json<DiskReport>('GET', `/disks/${id(disk)}/health`, { signal }),
  testDisk: (disk: string, kind: SelfTestKind) => nothing('POST', `/disks/${id(disk)}/self-test`, { body: { kind } }),
  planArray: (body: ArrayPlanRequest) => json<ArrayPlan>('POST', '/arrays/plan', { body }),
  createArray: (body: ArrayRequest) => nothing('POST', '/arrays', { body }),
  changeArray: (array: string, body: ArrayChange) => nothing('POST', `/arrays/${id(array)}/change`, { body }),
  diskEvents: (signal?: AbortSignal) => json<DiskEvent[]>('GET', '/disk-events', { signal }),
  changeVolume: (volume: string, body: VolumeChange) => nothing('POST', `/volumes/${id(volume)}/change`, { body }),
  volumeReport: (volume: string, signal?: AbortSignal) => json<VolumeReport>('GET', `/volumes/${id(volume)}/report`, { signal }),
  formatDisk: (disk: string, body: { confirmSerial: string; name?: string; replaces?: string }) =>
    nothing('POST', `/disks/${id(disk)}/format`, { body }),
  installation: (signal?: AbortSignal) => json<Installation>('GET', '/installation', { signal }),
  installOnDisk: (disk: string, body: { confirmSerial: string; dataVolume: boolean }) => nothing('POST', `/disks/${id(disk)}/install`, { body }),
  update: (signal?: AbortSignal) => json<Update>('GET', '/update', { signal }),
  offerUpdate: (parts: Blob) => upload<UpdateOffer>('POST', `${base}/update/offers`, parts),
  sendUpdate: (offer: string, file: Blob, progress: (share: number) => void, signal: AbortSignal) =>
    upload<undefined>('PUT', `${base}/update/offers/${id(offer)}/image`, file, progress, signal),
  findUpdates: (medium: string) => json<UpdateOffer[]>('POST', `/update/media/${id(medium)}`),
  copyUpdate: (offer: string) => nothing('POST', `/update/offers/${id(offer)}/copy`),
  tryUpdate: (body: UpdateTry) => nothing('POST', '/update/try', { body }),
  cancelUpdate: () => nothing('DELETE', '/update/try'),
  ejectMedium: (medium: string) => nothing('POST', `/media/${id(medium)}/eject`),
  exportConfiguration: async (passphrase: string) => {
    const response = await send('POST', '/configuration/export', { body: { passphrase } });
    const name = /filename="([^"]+)"/.exec(response.headers.get('Content-Disposition') ?? '')?.[1] ?? 'configuration.vigie';
    return { name, file: await response.blob() };
  },
  importConfiguration: (body: ConfigurationImportRequest) => json<ConfigurationImport>('POST', '/configuration/import', { body }),
  factoryReset: (body: FactoryReset) => nothing('POST', '/factory-reset', { body }),
  power: (action: PowerAction) => nothing('POST', '/power', { body: { action } }),
  hosts: (signal?: AbortSignal) => json<HostWatch>('GET', '/hosts', { signal }),
  setHosts: (body: HostWatchRequest) => nothing('PUT', '/hosts', { body }),
  hostHistory: (address: string, signal?: AbortSignal) => json<HostHistory>('GET', `/hosts/${id(address)}/history`, { signal }),
  stopService: (service: string) => nothing('POST', `/services/${id(service)}/stop`),
  startService: (service: string) => nothing('POST', `/services/${id(service)}/start`),
  restartService: (service: string, atOnce: boolean) => nothing('POST', `/services/${id(service)}/restart`, { body: { atOnce } }),
  serviceLog: (service: string, signal?: AbortSignal) =>
    json<ServiceLog>('GET', `/services/${id(service)}/log`, { signal }),
};

/** What the head of an answer with recorded media tells. */
export type MediaHead = {
  mime: string;
  startMs: number;
  endMs: number;
  /** Where footage goes on after the end; undefined when there is none yet. */
  nextMs: number | undefined;
};

/**
 * Fetches recorded media from an instant on, and hands it over as it comes; null when there is no footage at or after it.
 * `head` is called first.
 */
export async function streamMedia(
  camera: string,
  stream: StreamName,
  fromMs: number,
  durationMs: number,
  format: 'mp4' | 'mjpeg',
  signal: AbortSignal,
  head: (head: MediaHead) => void,
  take: (bytes: Uint8Array<ArrayBuffer>) => void,
): Promise<MediaHead | null> {
  const path = `/cameras/${id(camera)}/media?stream=${stream}&fromMs=${Math.max(0, Math.floor(fromMs))}&durationMs=${Math.max(1, Math.round(durationMs))}${format === 'mp4' ? '' : `&format=${format}`}`;
  let response: Response;
  try {
    response = await send('GET', path, { signal });
  } catch (error) {
    if (error instanceof ApiError && error.code === 'no_footage') return null;
    throw error;
  }
  const told = headOf(response);
  head(told);
  const reader = response.body?.getReader();
  try {
    for (let piece = await reader?.read(); piece && !piece.done; piece = await reader?.read()) take(piece.value);
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw noAnswer();
  }
  return told;
}

function headOf(response: Response): MediaHead {
  const mime = response.headers.get('Vigie-Mime') ?? '';
  const startMs = numberOf(response.headers.get('Vigie-Start-Ms'));
  const endMs = numberOf(response.headers.get('Vigie-End-Ms'));
  if (mime === '' || startMs === undefined || endMs === undefined) {
    throw new ApiError(response.status, {
      code: 'unexpected',
      message: 'The appliance sent video without saying what it is. Reload the page.',
    });
  }
  return { mime, startMs, endMs, nextMs: numberOf(response.headers.get('Vigie-Next-Ms')) };
}

/** A single keyframe: MP4 of type `mime`, or a JPEG when that is empty. */
export type Keyframe = { mime: string; startMs: number; endMs: number; skipped: number; data: ArrayBuffer };

/**
 * Fetches the last keyframe at or before an instant, or one `skip` further; null when there is none. With `jpegWidth` the
 * appliance makes a JPEG of it, at most so wide.
 */
export async function fetchKeyframe(camera: string, stream: StreamName, atMs: number, skip: number, signal?: AbortSignal, jpegWidth?: number): Promise<Keyframe | null> {
  const path = `/cameras/${id(camera)}/keyframe?stream=${stream}&atMs=${Math.max(0, Math.floor(atMs))}${skip === 0 ? '' : `&skip=${skip}`}${jpegWidth === undefined ? '' : `&format=jpeg&width=${jpegWidth}`}`;
  let response: Response;
  try {
    response = await send('GET', path, { signal });
  } catch (error) {
    if (error instanceof ApiError && error.code === 'no_footage') return null;
    throw error;
  }
  const data = await response.arrayBuffer().catch((error: unknown) => {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw noAnswer();
  });
  return {
    mime: response.headers.get('Vigie-Mime') ?? '',
    startMs: numberOf(response.headers.get('Vigie-Start-Ms')) ?? 0,
    endMs: numberOf(response.headers.get('Vigie-End-Ms')) ?? 0,
    skipped: numberOf(response.headers.get('Vigie-Skipped')) ?? 0,
    data,
  };
}

function numberOf(header: string | null): number | undefined {
  if (header === null || header === '') return undefined;
  const value = Number(header);
  return Number.isFinite(value) ? value : undefined;
}

/** The address of a segment's file, for downloading. */
export function segmentFile(segment: string): string {
  return `${base}/segments/${id(segment)}/file`;
}

/** The address of an export's bytes, for downloading. */
export function exportFile(one: string): string {
  return `${base}/exports/${id(one)}/file`;
}

/** The WebSocket address of a camera's live stream. */
export function liveAddress(camera: string, stream: StreamName, audio: boolean, media: 'mp4' | 'webrtc' | 'jpeg'): string {
  const scheme = location.protocol === 'http:' ? 'ws:' : 'wss:';
  return `${scheme}//${location.host}${base}/cameras/${id(camera)}/live?stream=${stream}&media=${media}${media === 'webrtc' ? '' : `&audio=${audio}`}`;
}
