// Short names for the shapes of the API, all from the generated description.
import type { components } from './schema';

type Schemas = components['schemas'];

export type Camera = Schemas['Camera'];
export type PastCamera = Schemas['PastCamera'];
export type CameraState = Schemas['CameraState'];
export type CameraRequest = Schemas['CameraRequest'];
export type CameraTest = Schemas['CameraTest'];
export type CameraTestRequest = Schemas['CameraTestRequest'];
export type Track = Schemas['Track'];
export type Timeline = Schemas['Timeline'];
export type Segment = Schemas['Segment'];
export type Gap = Schemas['Gap'];
export type Recording = Schemas['Recording'];
export type RecordingVolume = Schemas['RecordingVolume'];
export type IndexCopy = Schemas['IndexCopy'];
export type Status = Schemas['Status'];
export type NetInterface = Schemas['Interface'];
export type Disk = Schemas['Disk'];
export type Volume = Schemas['Volume'];
export type Service = Schemas['Service'];
export type ServiceLog = Schemas['ServiceLog'];
export type Clock = Schemas['Clock'];
export type Setup = Schemas['Setup'];
export type Session = Schemas['Session'];
export type LiveMessage = Schemas['LiveMessage'];
export type PowerAction = Schemas['PowerRequest']['action'];
