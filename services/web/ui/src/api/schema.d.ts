// Generated from internal/api/openapi.yaml by `npm run generate`; not to be edited.

export interface paths {
    "/setup": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether this appliance still has no administrator */
        get: operations["getSetup"];
        put?: never;
        /** Set the administrator's password with the one-time code from the console; opens a session */
        post: operations["postSetup"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/setup/reset": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Set the administrator's password anew with the one-time code of a reset that was asked for on the console; opens a session
         * @description It ends all other sessions. `reset` of `GET /setup` says whether a reset is waiting.
         */
        post: operations["postReset"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["login"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["logout"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/session": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who is logged in with this cookie */
        get: operations["getSession"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Change the password of the logged-in user; ends the user's other sessions */
        put: operations["putPassword"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/logins": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Who has logged in, and who has tried to
         * @description The newest 500 who came in, and the newest 500 who did not, by the web admin, by SSH and at the machine's console. Equal
         *     failures within ten minutes of each other are one row. They are kept with the accounts, on every data volume.
         */
        get: operations["listLogins"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who may log in */
        get: operations["listUsers"];
        put?: never;
        /** Let somebody log in from now on */
        post: operations["addUser"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/users/{user}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A user name */
                user: string;
            };
            cookie?: never;
        };
        get?: never;
        /** Give a user another profile, or another password, or both; a new password ends the user's sessions, a new profile what runs in them */
        put: operations["putUser"];
        post?: never;
        /** Delete a user with his layouts; ends his sessions. The last administrator cannot be deleted */
        delete: operations["deleteUser"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/account-copies": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How the copies of the accounts on the volumes are */
        get: operations["listAccountCopies"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/configuration/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** The recorder's configuration as one file, encrypted with a passphrase - cameras, calendars, users, network and all other settings; no recordings, and no keys or certificates of the machine */
        post: operations["exportConfiguration"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/configuration/import": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Say what a configuration file would change here, or, with the confirm of such an answer, change it - all of it or nothing. The machine's name and network go on trial then, as with `PUT /network` */
        post: operations["importConfiguration"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/layouts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How the logged-in user has arranged live pictures */
        get: operations["listLayouts"];
        put?: never;
        /** Keep a layout (50 a user at most) */
        post: operations["addLayout"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/layouts/{layout}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                layout: string;
            };
            cookie?: never;
        };
        get?: never;
        /** Replace a layout */
        put: operations["putLayout"];
        post?: never;
        delete: operations["deleteLayout"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/cameras": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["listCameras"];
        put?: never;
        post: operations["addCamera"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/cameras/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Connect to a camera as described, without adding it, and say what it sends (10 s at most)
         * @description When `password` is absent and `camera` names an existing camera, that camera's password is used.
         */
        post: operations["testCamera"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/cameras/past": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Cameras that are no longer set up but have recordings left
         * @description Names are those that the recordings themselves bear. `timeline`, `media` and `file` work for these cameras too.
         */
        get: operations["listPastCameras"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/cameras/{camera}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The camera's id */
                camera: components["parameters"]["cameraId"];
            };
            cookie?: never;
        };
        get: operations["getCamera"];
        /** Replace a camera's settings; an absent password keeps the old one */
        put: operations["putCamera"];
        post?: never;
        /** Remove a camera; its recordings stay until retention takes them */
        delete: operations["deleteCamera"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/cameras/{camera}/live": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The camera's id */
                camera: components["parameters"]["cameraId"];
            };
            cookie?: never;
        };
        /**
         * WebSocket: fragmented MP4 of the camera as it comes, or the signalling of a WebRTC session
         * @description As MP4: server to client only. A text message is a `LiveMessage`. After one of type `init`, the next binary message is
         *     the MP4 initialisation segment (ftyp, moov) for a SourceBuffer of type `mime`, and each further binary message
         *     one or more whole fragments (moof, mdat) that start at a keyframe. Decode times (tfdt) are UTC since the Unix
         *     epoch in the track's timescale. Motion JPEG comes like that too (`codecs="mp4v.6C"`), though no SourceBuffer takes it:
         *     each sample is a JPEG file. A new `init` follows when the stream changes. `state` messages tell why no
         *     picture comes. A client that reads too slowly skips to the newest keyframe.
         *
         *     As JPEG: for clients that cannot decode the video (H.265, MPEG-4 part 2). The same as MP4, but each picture is made a
         *     JPEG by the appliance, of 1280 x 720 at most and up to 13 a second, and sound comes as it is. Only a few streams can be
         *     had so at a time: a message `refused` says why, and the server closes. As MP4, a message of type `unplayable` says that
         *     no browser shows this video but in this way.
         *
         *     As WebRTC: the client sends one text message, a `LiveOffer`, at once. The answer comes as a `LiveMessage` of type
         *     `answer` when the camera's stream is there, with all addresses in it; or `refused` with the reason, after which the
         *     server closes. Pictures and sound then go by UDP for as long as the WebSocket stays open, with RTP timestamps
         *     that are UTC since the Unix epoch in ticks of the track. `state` messages come as for MP4.
         */
        get: operations["live"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/cameras/{camera}/timeline": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The camera's id */
                camera: components["parameters"]["cameraId"];
            };
            cookie?: never;
        };
        /** What is recorded between two instants (31 days apart at most) */
        get: operations["getTimeline"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/cameras/{camera}/history": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The camera's id */
                camera: components["parameters"]["cameraId"];
            };
            cookie?: never;
        };
        /**
         * How a stream was between two instants (31 days apart at most)
         * @description In steps of a minute for up to 24 hours that lie in the last 24 hours and in the time that the engine has run, of five minutes for
         *     up to 4 days, of an hour beyond. It is kept for 31 days.
         */
        get: operations["getHistory"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/cameras/{camera}/overview": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The camera's id */
                camera: components["parameters"]["cameraId"];
            };
            cookie?: never;
        };
        /**
         * What is recorded between two instants (31 days apart at most), merged to what a screen can show
         * @description Footage of one stream and kind that is less than `resolutionMs` apart is one span; gaps of one stream and cause that
         *     are, too, and those shorter than `resolutionMs` are left out. Its size depends on the resolution, not on the number
         *     of files. The gaps include those that run now.
         */
        get: operations["getOverview"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/cameras/{camera}/days": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The camera's id */
                camera: components["parameters"]["cameraId"];
            };
            cookie?: never;
        };
        /** Days with footage between two instants (400 days apart at most) */
        get: operations["getDays"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/cameras/{camera}/coverage": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The camera's id */
                camera: components["parameters"]["cameraId"];
            };
            cookie?: never;
        };
        /** How much of what was to be recorded between two instants (31 days apart at most) was, day by day */
        get: operations["getCoverage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/coverage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** `getCoverage` of every camera that is set up */
        get: operations["listCoverage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/cameras/{camera}/triggers": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The camera's id */
                camera: components["parameters"]["cameraId"];
            };
            cookie?: never;
        };
        /** What set alarm recording off between two instants (31 days apart at most; the first 10000) */
        get: operations["listTriggers"];
        put?: never;
        /**
         * Start, or extend, alarm recording, when the camera's plan and calendar have it
         * @description What the camera sent in the `preSeconds` before is recorded too, as far as memory holds it. The recording ends
         *     `postSeconds` after the last trigger's end; it goes on after any restart until then.
         */
        post: operations["addTrigger"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/cameras/{camera}/forced": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The camera's id */
                camera: components["parameters"]["cameraId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Have a camera recorded for a set time, whatever its calendars say
         * @description It is alarm recording, of the streams that are recorded on alarm, or else of the main one, with what memory holds
         *     from before. When it runs already its end is set anew. `forcedUntilMs` of the camera's state tells of it.
         */
        post: operations["forceRecording"];
        /** End forced recording now */
        delete: operations["stopForcedRecording"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/cameras/{camera}/media": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The camera's id */
                camera: components["parameters"]["cameraId"];
            };
            cookie?: never;
        };
        /**
         * Recorded media from an instant on, as one fragmented MP4
         * @description Starts at the last keyframe at or before `fromMs` (or at the next footage when `fromMs` lies in a gap) and ends
         *     at a keyframe boundary once `durationMs` is covered or 16 MiB are reached, at a gap, or where the codec parameters
         *     change. Footage reaches up to the last second of the running recording; its last, unfinished GOP is given, as far
         *     as it goes, when there is nothing else to give: ask again from `Vigie-End-Ms`. Decode times are UTC since the Unix epoch, as for live.
         *     Motion JPEG comes as samples that are JPEG files (`mp4v.6C`), which no player of a browser takes, but a page can draw.
         */
        get: operations["getMedia"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/cameras/{camera}/keyframe": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The camera's id */
                camera: components["parameters"]["cameraId"];
            };
            cookie?: never;
        };
        /**
         * The last keyframe at or before an instant, however long before
         * @description It is a picture that is decoded alone. It is on show until `Vigie-End-Ms`; an instant after that lies in the GOP's
         *     later pictures only if footage goes on there. Motion JPEG is answered as JPEG, whatever the format asked for. With
         *     `skip` it is the keyframe that many further on (above 0) or back (below 0), over gaps, or the outermost there is;
         *     keyframes less than 100 ms apart count once.
         */
        get: operations["getKeyframe"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/segments/{segment}/file": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                segment: string;
            };
            cookie?: never;
        };
        /** Download one segment as it is on disk (Matroska); ranges allowed */
        get: operations["getSegmentFile"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/calendars": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** When things can be recorded */
        get: operations["listCalendars"];
        put?: never;
        post: operations["addCalendar"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/calendars/{calendar}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The calendar's id */
                calendar: string;
            };
            cookie?: never;
        };
        get?: never;
        /** Replace a calendar; the cameras that use it follow at once */
        put: operations["putCalendar"];
        post?: never;
        /** Delete a calendar that no camera uses */
        delete: operations["deleteCalendar"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/holidays": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The days on which calendars' holiday rows count */
        get: operations["getHolidays"];
        /** Replace the holidays (500 at most) */
        put: operations["putHolidays"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/relay": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The relay: what other programs fetch the cameras' streams from by RTSP */
        get: operations["getRelay"];
        /** Change its settings; readers whose way is closed by that are let go */
        put: operations["putRelay"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/relay/accounts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who may read */
        get: operations["listRelayAccounts"];
        put?: never;
        /** Add an account; its password is told in this answer and never again */
        post: operations["addRelayAccount"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/relay/accounts/{account}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The account's id */
                account: string;
            };
            cookie?: never;
        };
        get?: never;
        /** Change an account, but for its name; its readers follow at once */
        put: operations["putRelayAccount"];
        post?: never;
        /** Delete an account and let its readers go */
        delete: operations["deleteRelayAccount"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/relay/accounts/{account}/password": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The account's id */
                account: string;
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Give an account a new password; readers with the old one are let go */
        post: operations["renewRelayPassword"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/relay/readers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who reads now */
        get: operations["listRelayReaders"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/relay/readers/{reader}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The reader's id */
                reader: string;
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Let a reader go; it may come again */
        delete: operations["deleteRelayReader"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/recording": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The archive as the engine sees it */
        get: operations["getRecording"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/recording/volumes/{volume}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                volume: string;
            };
            cookie?: never;
        };
        get?: never;
        /** Set how full a volume may get before its oldest recordings go, from which filling on to warn, and whether it is retired; what is absent stays as it is */
        put: operations["putRecordingVolume"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/recording/usage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What each camera's recordings take, and whether what was promised for them holds */
        get: operations["listUsage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/recording/repair": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How the repair of the database stands that runs, or ran last */
        get: operations["getRepair"];
        put?: never;
        /**
         * Check the database, or build it anew, while everything else goes on
         * @description `check` reads the database in memory and all its copies, and compares the index with the files by their names; it
         *     writes damaged copies anew and mends totals, and changes nothing else. `copies` builds the database in memory anew
         *     from the best copy, with what came since. `files` brings the index in step with the files of all volumes and looks
         *     into each of them; what is in the index shows meanwhile. One runs at a time.
         */
        post: operations["repairDatabase"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/protections": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["listProtections"];
        put?: never;
        /** Protect a range of a camera's recordings from automatic deletion; it may reach into the future */
        post: operations["addProtection"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/protections/{protection}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                protection: string;
            };
            cookie?: never;
        };
        get?: never;
        /** Give a protection another reason and end */
        put: operations["putProtection"];
        post?: never;
        /** Lift a protection; the recordings in its range are deleted when their time has come */
        delete: operations["deleteProtection"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/deletions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What people had deleted, and how far it has come */
        get: operations["listDeletions"];
        put?: never;
        /**
         * Have deleted what a plan counted; it cannot be taken back
         * @description Refused with `changed` when there is more in the range now than the plan counted, and with `no_plan` when the plan is
         *     another user's, or older than 10 minutes. It is carried out beside recording, batch by batch, and goes on after a
         *     restart; a volume that goes away meanwhile is waited for, a day at most.
         */
        post: operations["addDeletion"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/deletions/plan": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Count what would be deleted; nothing is */
        post: operations["planDeletion"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/deletions/{deletion}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                deletion: string;
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Stop a deletion that runs; what is gone is gone */
        delete: operations["stopDeletion"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/exports": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["listExports"];
        put?: never;
        /**
         * Make an export of a range of cameras
         * @description The answer waits up to 3 s for it to be prepared; what takes longer has the status `preparing`. When nothing is
         *     recorded in the range the error says what is nearest. An export is kept until it is removed, over restarts too;
         *     what it is made of can be deleted meanwhile like all recordings: protect it where it must not.
         */
        post: operations["addExport"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/exports/key": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The public half of the key that signs this appliance's exports */
        get: operations["getSigningKey"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/exports/verify.html": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A page that verifies exports in any browser, to be saved and opened; it needs no network */
        get: operations["getVerifyPage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/exports/{export}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                export: string;
            };
            cookie?: never;
        };
        get: operations["getExport"];
        put?: never;
        post?: never;
        /** Forget an export; downloads of it end */
        delete: operations["deleteExport"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/exports/{export}/file": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                export: string;
            };
            cookie?: never;
        };
        /**
         * Download an export; ranges allowed
         * @description A Matroska or MP4 file, or a ZIP when there are several. It is made while it is sent, and its length is known before: a
         *     download that was interrupted goes on with `Range` and `If-Range`. A later part of what has not been read yet begins
         *     to come when what lies before it has been read.
         */
        get: operations["getExportFile"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The machine, with every state that can change */
        get: operations["getStatus"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/clock": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Choose the NTP servers (an empty list means those that DHCP gives), when they are asked, and the time zone by which calendars go */
        put: operations["putClock"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/clock/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How far the clock was off in the last day, and when it was set */
        get: operations["getClockHistory"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/time-server": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What the NTP server for cameras and other devices says, and who asks it */
        get: operations["getTimeServer"];
        /** Switch the NTP server for cameras and other devices on or off */
        put: operations["putTimeServer"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/network": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How the interfaces are set; how they are is in `interfaces` of `GET /status` */
        get: operations["getNetwork"];
        /**
         * Change the network for a minute, or say with `dryRun` what that would do
         * @description The change is checked as a whole and made at once, on trial: unless `POST /network/confirm` comes in time, the
         *     network becomes again what it was, as it does when the machine restarts meanwhile. The request to confirm must
         *     reach the machine in its new network, over a new connection (`POST /firewall/confirm` has the rule); that is what it proves.
         */
        put: operations["putNetwork"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/network/confirm": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Keep the network that is on trial */
        post: operations["confirmNetwork"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/network/rollback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Go back now to the network from before the trial */
        post: operations["rollBackNetwork"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/firewall": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What may be reached in which zone, what listens, and what was dropped */
        get: operations["getFirewall"];
        /**
         * Choose for a minute in which zones services are open, or say with `dryRun` what that would do
         * @description Services that are left out are open in their usual zones. Connections that stand are not cut. The rules are in force at
         *     once, on trial: unless `POST /firewall/confirm` comes in time they are rolled back, as they are when the machine restarts
         *     meanwhile. A change that would leave the web admin open on no interface of the machine is refused.
         */
        put: operations["putFirewall"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/firewall/confirm": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Keep the firewall that is on trial
         * @description What was asked over a connection from before the change is refused (`old_connection`), and that connection is closed: only
         *     a new one shows that the machine can still be reached. Ask again.
         */
        post: operations["confirmFirewall"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/firewall/rollback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Go back now to the firewall from before the trial */
        post: operations["rollBackFirewall"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/firewall/relay": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** For the engine: at which ports the relay listens, so that they can be opened where the relay is */
        put: operations["putRelayPorts"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/configuration/copies": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How the copies of the machine's configuration on the volumes are */
        get: operations["listConfigurationCopies"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/web-port": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Have the web admin listen at another port for a minute, or say with `dryRun` what that would do
         * @description The firewall follows, and what stands is not cut. It is on trial: unless `POST /web-port/confirm` comes in time, by the new
         *     port, the web admin is at the old one again, as it is when the machine restarts meanwhile. A port of another service is
         *     refused, switched on or not, and one that browsers open no pages at.
         */
        put: operations["putWebPort"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/web-port/confirm": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Keep the port that is on trial
         * @description What was asked by the old port is refused (`old_port`), as is what came over a connection from before the change
         *     (`old_connection`): only a new one, to the new port, shows that it can be reached there.
         */
        post: operations["confirmWebPort"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/web-port/rollback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Go back now to the port from before the trial */
        post: operations["rollBackWebPort"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/bandwidth": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Limits of what interfaces send, beside what they do send */
        get: operations["getBandwidth"];
        /** Replace all limits */
        put: operations["putBandwidth"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/ssh": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** SSH, the text console over the network: how it is set, and which keys may log in */
        get: operations["getSSH"];
        /**
         * Switch SSH on or off, and choose its port and who may log in
         * @description While it is off nothing listens. Sessions whose way in is closed by a change are ended. The port must not be another
         *     service's. Who may reach it is set with `PUT /firewall`.
         */
        put: operations["putSSH"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/ssh/keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Let who has a key log in by SSH */
        post: operations["addSSHKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/ssh/keys/{key}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The key's id */
                key: string;
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Take a key away, and end the sessions that were begun with it */
        delete: operations["deleteSSHKey"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/ssh/shell": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Permit a full shell by SSH for a while from now
         * @description Who logs in by SSH with a terminal then gets a shell with nearly all rights over the machine, and the console's menu once
         *     he leaves it; `shell` as a command does the same. It is refused while SSH is off. The permission is not kept: it ends with its
         *     time, with `DELETE`, when SSH is switched off, and with the machine's next start, and all shells end with it.
         */
        put: operations["allowShell"];
        post?: never;
        /** Permit no full shell any more, and end those that run */
        delete: operations["endShell"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/ssh/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether SSH listens, who is logged in, and who has tried to */
        get: operations["getSSHSessions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/disks/{disk}/format": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The disk's id */
                disk: string;
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Make a disk a data volume; all that is on it is lost. Progress is in the disk's `operation` */
        post: operations["formatDisk"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/volumes/{volume}/change": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The volume's id */
                volume: string;
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Rename a volume, have it checked or repaired, or unmount it; its cameras are recorded elsewhere meanwhile. Progress is in its `operation` */
        post: operations["changeVolume"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/volumes/{volume}/report": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The volume's id */
                volume: string;
            };
            cookie?: never;
        };
        /** What the last check or repair of a volume found */
        get: operations["getVolumeReport"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/disks/{disk}/health": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a disk, or of a drive behind a RAID card */
                disk: string;
            };
            cookie?: never;
        };
        /** What a disk said of itself last, its self-tests, and how it was over time */
        get: operations["getDiskHealth"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/disks/{disk}/self-test": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a disk, or of a drive behind a RAID card */
                disk: string;
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Have a disk test itself, or stop the test that runs. It serves on meanwhile; progress is in its health */
        post: operations["testDisk"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/arrays": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Make an array of disks; all that is on them is lost. It shows in the state, as an array and as a disk */
        post: operations["createArray"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/arrays/plan": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** What an array of these disks would be; nothing is changed */
        post: operations["planArray"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/arrays/pace": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** For the engine, each second while an array brings itself in order: how far recording is behind, so that the array stands back */
        put: operations["putRecordingLag"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/arrays/{array}/change": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The array's id */
                array: string;
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Add, remove or replace a disk, take over another machine's array, or have one checked. Progress is in the array's `operation` */
        post: operations["changeArray"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/disk-events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What happened to disks: the newest 500 events, newest first */
        get: operations["getDiskEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/disks/{disk}/install": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The disk's id */
                disk: string;
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Install this machine on a disk, with its settings; all that is on the disk is lost. Progress is in the disk's `operation` */
        post: operations["installOnDisk"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/installation": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What this machine was started from, and the disks that it can be installed on */
        get: operations["getInstallation"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/update": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The versions that this machine has, and what is being done about another one */
        get: operations["getUpdate"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/update/offers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Have an update judged before it is sent: of system.img the first 96 bytes, and its seal, from the multiple of 4096 at or after the length that bytes 40 to 47 say (little-endian) to the end */
        post: operations["offerUpdate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/update/media/{medium}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The medium's id */
                medium: string;
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Look for updates (files whose names end in .img, in no folder) on a USB disk, which is mounted */
        post: operations["findUpdate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/update/offers/{offer}/image": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The offer's id */
                offer: string;
            };
            cookie?: never;
        };
        get?: never;
        /** Write an update to the slot that does not run. The answer comes once it has been read back and is what was signed; it is not started yet */
        put: operations["sendUpdate"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/update/offers/{offer}/copy": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of an offer from a USB disk */
                offer: string;
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** The same from a USB disk. Progress is in `writing` */
        post: operations["copyUpdate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/update/try": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Restart into the other slot, a newer or an older version, on trial: if the machine is not well there it comes back to this one, with the settings of now */
        post: operations["tryUpdate"];
        /** Take back what is planned */
        delete: operations["cancelUpdate"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/media/{medium}/mount": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The medium's id */
                medium: string;
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Make a USB disk ready to be written to; the answer comes when it is */
        post: operations["mountMedium"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/media/{medium}/eject": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The medium's id */
                medium: string;
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Write everything out to a USB disk and let go of it; once the answer is there it may be pulled */
        post: operations["ejectMedium"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/hosts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The hosts that are watched, how they are, and what changed */
        get: operations["getHosts"];
        /** Choose the hosts to watch; one whose address stays keeps its history */
        put: operations["putHosts"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/hosts/{address}/history": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description As in the list */
                address: string;
            };
            cookie?: never;
        };
        /** How a host was over the last day, minute by minute */
        get: operations["getHostHistory"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/power": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["postPower"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/factory-reset": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take the machine back to how it came, and restart it. Settings, accounts, cameras and keys go, on every volume; recordings stay, but on the volumes that are named */
        post: operations["factoryReset"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/services/{service}/restart": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The service's name */
                service: components["parameters"]["serviceName"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["restartService"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/services/{service}/stop": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The service's name */
                service: components["parameters"]["serviceName"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Stop a service (`stoppable`) until it is started, or the machine is */
        post: operations["stopService"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/services/{service}/start": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The service's name */
                service: components["parameters"]["serviceName"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Start a service that was stopped */
        post: operations["startService"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/services/{service}/log": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The service's name */
                service: components["parameters"]["serviceName"];
            };
            cookie?: never;
        };
        /** The newest lines of a service's log */
        get: operations["getServiceLog"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        Error: {
            /**
             * @description Stable; for programs
             * @example bad_url
             */
            code: string;
            /** @description What is wrong and what to do, for people */
            message: string;
            /** @description The request's field at fault */
            field?: string;
            /**
             * Format: int64
             * @description When trying again makes sense
             */
            retryAfterMs?: number;
        };
        Setup: {
            /** @description No administrator exists yet */
            needed: boolean;
            /** @description The disks are still being looked at for earlier settings; ask again */
            waiting: boolean;
            hostname: string;
            /** @description The console has asked for the administrator's password to be reset: `POST /setup/reset` */
            reset?: boolean;
        };
        ResetRequest: {
            /** @description As on the console; spaces and dashes do not count */
            code: string;
            /** Format: password */
            password: string;
        };
        SetupRequest: {
            /** @description As on the console; spaces and dashes do not count */
            code: string;
            username: string;
            /** Format: password */
            password: string;
        };
        LoginRequest: {
            username: string;
            /** Format: password */
            password: string;
        };
        PasswordRequest: {
            /** Format: password */
            old: string;
            /** Format: password */
            new: string;
        };
        /**
         * @description A user's set of rights: the administrator's are all; an operator watches, plays, exports, protects and records; a viewer
         *     watches and plays; a guard watches.
         * @enum {string}
         */
        Profile: "administrator" | "operator" | "viewer" | "guard";
        /** @enum {string} */
        Right: "watch" | "play" | "export" | "protect" | "record" | "delete" | "administer";
        User: {
            username: string;
            profile: components["schemas"]["Profile"];
            /** @description He sees all, those yet to come too. An administrator always does */
            allCameras: boolean;
            /** @description Ids of those that he sees otherwise */
            cameras: string[];
            /** Format: int64 */
            createdMs: number;
            /** @description How many browsers are logged in as this user */
            sessions: number;
        };
        UserRequest: {
            username: string;
            password: string;
            profile: components["schemas"]["Profile"];
            /** @description Absent: true */
            allCameras?: boolean;
            /** @description Ids; count where `allCameras` is false */
            cameras?: string[];
        };
        /** @description What is absent stays as it is. */
        UserChange: {
            profile?: components["schemas"]["Profile"];
            password?: string;
            allCameras?: boolean;
            /** @description Ids; count where `allCameras` is false */
            cameras?: string[];
        };
        Session: {
            username: string;
            profile: components["schemas"]["Profile"];
            rights: components["schemas"]["Right"][];
            hostname: string;
            version: string;
            /** Format: int64 */
            expiresMs: number;
            /**
             * Format: int64
             * @description When the user's password was reset from the machine's console, the last time; absent: never
             */
            passwordResetMs?: number;
        };
        CameraRequest: {
            name: string;
            /**
             * @description Without user and password
             * @example rtsp://192.168.1.20:554/stream1
             */
            url: string;
            username?: string;
            /**
             * Format: password
             * @description Never given back
             */
            password?: string;
            /** @description Whether the camera is connected to and recorded */
            enabled: boolean;
            /** @description Address of the second stream, mostly of lower resolution; empty: there is none. Absent: as it was */
            subUrl?: string;
            transport?: components["schemas"]["Transport"];
            /** @description With an `rtsps` address: the key (SHA-256 of the certificate's public key, in hex) that the camera must show; empty: the first that it shows is trusted from then on. Absent: as it was, or empty when the address goes to another host */
            certificate?: string;
            /** @description Whether sound is recorded. Absent: as it was; a new camera: yes */
            audio?: boolean;
            recording?: components["schemas"]["RecordingPlan"];
            retention?: components["schemas"]["Retention"];
        };
        /**
         * @description How the media come: `tcp` within the RTSP connection, `udp`, `multicast`, `http` (RTSP tunnelled through HTTP). With an `rtsps`
         *     address all goes through TLS, and `http` is HTTPS. `auto` takes the first that works of tcp, udp, http. Absent in a request: as it was
         * @enum {string}
         */
        Transport: "auto" | "tcp" | "udp" | "multicast" | "http";
        /** @enum {string} */
        StreamName: "main" | "sub";
        /** @description When a camera is recorded. Absent in a request - as it was; a new camera - main always, alarms always. */
        RecordingPlan: {
            standard: components["schemas"]["RecordingRule"];
            alarm: components["schemas"]["RecordingRule"];
            /** @description Footage kept in memory from before a trigger, by time */
            preSeconds: number;
            /** @description and by size, for each stream; whichever is reached first */
            preMb: number;
            /** @description How long an alarm recording goes on after its last trigger has ended */
            postSeconds: number;
            /** @description A file ends at the first keyframe after this long */
            segmentSeconds: number;
            /** @description or once it is this large */
            segmentMb: number;
            /** @description Id of the volume that the camera is recorded to, from its next file on, whenever that takes recordings; absent or empty: to the one with least to do */
            volume?: string;
            /** @description All of it is recorded a second time, to another volume than the first; absent: no */
            duplicate?: boolean;
        };
        RecordingRule: {
            /** @description Id of the calendar that says when; `always` and `never` are built in */
            calendar: string;
            /** @description Streams to record; none means never */
            streams: components["schemas"]["StreamName"][];
        };
        /** @description How long recordings are kept. Absent in a request - as it was; a new camera - no bound but the disks' size. */
        Retention: {
            /** @description Standard recordings are deleted once they are this old, and space is shared out in proportion to it; 0: kept while there is room */
            standardDays: number;
            /** @description Nothing younger is deleted to make room as long as anything else can be; 0: no such promise */
            standardMinDays: number;
            alarmDays: number;
            alarmMinDays: number;
        };
        Calendar: {
            id: string;
            name: string;
            /** @description Cannot be changed or deleted */
            builtin: boolean;
            week: components["schemas"]["CalendarWeek"];
            /** @description How many cameras use it */
            cameras: number;
        };
        CalendarRequest: {
            name: string;
            week: components["schemas"]["CalendarWeek"];
        };
        /** @description The spans of each day, in the machine's time zone. On a holiday its spans count instead of the weekday's. */
        CalendarWeek: {
            monday: components["schemas"]["DaySpan"][];
            tuesday: components["schemas"]["DaySpan"][];
            wednesday: components["schemas"]["DaySpan"][];
            thursday: components["schemas"]["DaySpan"][];
            friday: components["schemas"]["DaySpan"][];
            saturday: components["schemas"]["DaySpan"][];
            sunday: components["schemas"]["DaySpan"][];
            holiday: components["schemas"]["DaySpan"][];
        };
        /** @description Quarter hours of a day by the wall clock: `to` is not included; 24:00 is the end of the day. The hour that a clock change repeats counts both times */
        DaySpan: {
            /** @example 08:00 */
            from: string;
            /** @example 18:15 */
            to: string;
        };
        Holiday: {
            /**
             * Format: date
             * @example 2026-12-25
             */
            date: string;
            name: string;
            /** @description On this day and month of every year */
            yearly: boolean;
        };
        RelaySettings: {
            /** @description Nothing listens unless it is */
            enabled: boolean;
            /** @description 554 is the usual one. UDP is sent from ports of the system's choice */
            rtspPort: number;
            /** @description Listens for RTSPS too */
            tls: boolean;
            /** @description 322 is the usual one */
            rtspsPort: number;
            /** @description Streams are sent by multicast to who asks for it */
            multicast: boolean;
            /**
             * @description Groups to use, one for each stream: IPv4, within 239.0.0.0/8
             * @example 239.192.86.0/24
             */
            multicastRange: string;
            /** @description Even; the first of four that each group uses */
            multicastPort: number;
            /** @description Of all accounts together */
            maxReaders: number;
        };
        Relay: {
            settings: components["schemas"]["RelaySettings"];
            listening: boolean;
            /** @description Why it does not listen as it should, for people; empty: it does */
            problem: string;
            /** @description SHA-256 of the certificate of RTSPS, in hexadecimal; empty: it has none yet */
            certificate: string;
            /** @description That read now */
            readers: number;
        };
        RelayAccount: {
            id: string;
            /** @description The user name */
            name: string;
            /** @description Those yet to come too */
            allCameras: boolean;
            /** @description Ids; counts unless it is for all */
            cameras: string[];
            live: boolean;
            recordings: boolean;
            /** @description At a time */
            maxReaders: number;
            /**
             * Format: int64
             * @description When it ends; 0: never
             */
            untilMs: number;
            /** Format: int64 */
            createdMs: number;
        };
        RelayAccountRequest: {
            name: string;
            allCameras: boolean;
            cameras: string[];
            live: boolean;
            recordings: boolean;
            maxReaders: number;
            /** Format: int64 */
            untilMs: number;
        };
        RelayAccountSecret: {
            account: components["schemas"]["RelayAccount"];
            password: string;
        };
        RelayReader: {
            id: string;
            /** @description Of the reader */
            address: string;
            /** @description The account's name */
            account: string;
            camera: string;
            stream: string;
            /** @enum {string} */
            kind: "live" | "recording";
            /** @enum {string} */
            transport: "tcp" | "udp" | "multicast" | "http";
            /** @description By RTSPS */
            secure: boolean;
            /** @description What the program calls itself */
            agent: string;
            /**
             * Format: int64
             * @description Sent
             */
            bytes: number;
            /**
             * Format: int64
             * @description Left out because it did not take them in time
             */
            lostFrames: number;
            /** Format: int64 */
            sinceMs: number;
        };
        /** @description A fact that starts, or extends, alarm recording. */
        Trigger: {
            /** Format: int64 */
            atMs: number;
            /**
             * Format: int64
             * @description When the condition ends; the recording goes on for `postSeconds`
             */
            endMs: number;
            /** @description What kind of thing set it off: api, forced, … */
            source: string;
            text?: string;
            /** @description The user */
            by?: string;
        };
        /** @description The trigger, and what comes of it. One that is not recorded is not remembered. */
        TriggerAnswer: {
            /** Format: int64 */
            atMs: number;
            /** Format: int64 */
            endMs: number;
            source: string;
            text?: string;
            by?: string;
            /** @description It started or extended alarm recording */
            recorded: boolean;
            /** @description Why it is not recorded */
            reason?: string;
        };
        TriggerRequest: {
            /** @example door-contact */
            source: string;
            text?: string;
            /**
             * Format: int64
             * @description How long the condition lasts; 0 for an instant
             */
            holdMs?: number;
        };
        ForcedRequest: {
            /** @description From now */
            seconds: number;
        };
        ExportRequest: {
            /** @description Ids, of cameras that are no longer set up too */
            cameras: string[];
            stream?: components["schemas"]["StreamName"];
            /** Format: int64 */
            fromMs: number;
            /**
             * Format: int64
             * @description 31 days later at most; what lies in the future is left out
             */
            toMs: number;
            container?: components["schemas"]["ExportContainer"];
            /** @description A ZIP with index page and checksums, even of a single file */
            zip?: boolean;
            /** @description The id of a removable disk (GET /status) to write it to, instead of its being downloaded; files are split where that one's file system needs it */
            medium?: string;
            /** @description A file ends at the first keyframe after so long; 0: after 24 hours, an MP4 file after 4 */
            splitMinutes?: number;
            /**
             * Format: int64
             * @description A file is no larger, unless a single GOP is; 0: no limit
             */
            splitBytes?: number;
            /** @description Why it is made; it stands in the manifests */
            note?: string;
        };
        /** @description Recordings that are taken away. */
        Export: {
            id: string;
            cameras: components["schemas"]["ExportCamera"][];
            stream: components["schemas"]["StreamName"];
            container: components["schemas"]["ExportContainer"];
            /** Format: int64 */
            fromMs: number;
            /** Format: int64 */
            toMs: number;
            /** @description The user */
            by: string;
            note?: string;
            /** Format: int64 */
            createdMs: number;
            medium?: components["schemas"]["ExportMedium"];
            /**
             * @description running: it is being read; done: it was taken to its end at least once, and can be again, or is on its medium; waiting: it goes on by itself when its medium is there
             * @enum {string}
             */
            status: "preparing" | "ready" | "waiting" | "running" | "done" | "failed";
            /** @description failed: why; waiting: for what; ready: why it ended early when it was read last */
            message?: string;
            /** @description What of the range is missing though it is recorded */
            warnings?: string[];
            /** @description Of the file that is downloaded */
            name?: string;
            /** Format: int64 */
            sizeBytes?: number;
            /** Format: int64 */
            doneBytes?: number;
            /** Format: int64 */
            bytesPerSecond?: number;
            /** Format: int64 */
            remainingMs?: number;
            fileCount?: number;
            /** @description The first 200 */
            files?: components["schemas"]["ExportFile"][];
        };
        /** @description The removable disk that an export goes to */
        ExportMedium: {
            id: string;
            name: string;
            /** @description Within the folder `Vigie exports`; empty: not begun */
            folder?: string;
        };
        /**
         * @description The kind of file. mkv (the default): Matroska, as recorded. mp4: the same pictures and sound without re-encoding, for players and editors that open nothing else; G.711 and G.726 become FLAC, sample for sample the same. It takes longer to prepare, as all of it is read
         * @enum {string}
         */
        ExportContainer: "mkv" | "mp4";
        ExportCamera: {
            id: string;
            /** @description That it had when the export was made */
            name: string;
        };
        ExportFile: {
            name: string;
            camera: string;
            /** Format: int64 */
            startMs: number;
            /** Format: int64 */
            endMs: number;
            /** Format: int64 */
            sizeBytes: number;
            /**
             * @description Why it begins there: it is the start of what was asked for; nothing is recorded just before; the format changed; it was asked to be split
             * @enum {string}
             */
            because: "start" | "gap" | "format" | "split";
        };
        SigningKey: {
            /** @description Ed25519, 64 hexadecimal digits */
            publicKey: string;
            /** @description SHA-256 of the public key: what people compare */
            fingerprint: string;
            /** @description The fingerprint's first 16 digits */
            applianceId: string;
            /** Format: int64 */
            createdMs: number;
        };
        /** @description A range of a camera's recordings that no automatic deletion takes. */
        Protection: {
            id: string;
            camera: string;
            /** Format: int64 */
            fromMs: number;
            /** Format: int64 */
            toMs: number;
            reason: string;
            /** @description The user */
            by: string;
            /** Format: int64 */
            createdMs: number;
            /**
             * Format: int64
             * @description It ends by itself then; absent: when somebody lifts it
             */
            untilMs?: number;
            /**
             * Format: int64
             * @description When reason or end were changed last; absent: never
             */
            changedMs?: number;
            /** @description The user who did */
            changedBy?: string;
            /**
             * Format: int64
             * @description What the closed recordings in the range take; absent in a timeline
             */
            bytes?: number;
            /** @description What could not be protected any more when it was made */
            notice?: string;
        };
        ProtectionRequest: {
            camera: string;
            /** Format: int64 */
            fromMs: number;
            /** Format: int64 */
            toMs: number;
            reason: string;
            /**
             * Format: int64
             * @description 0 or absent: until somebody lifts it
             */
            untilMs?: number;
        };
        ProtectionChange: {
            reason: string;
            /**
             * Format: int64
             * @description 0 or absent: until somebody lifts it
             */
            untilMs?: number;
        };
        /** @description What a camera's recordings take, and whether what was promised for them holds. */
        CameraUsage: {
            camera: string;
            /** @description Its id when it is no longer set up */
            name: string;
            /** Format: int64 */
            standardBytes: number;
            /** Format: int64 */
            alarmBytes: number;
            /**
             * Format: int64
             * @description Of both
             */
            protectedBytes: number;
            /** Format: int64 */
            oldestMs?: number;
            /**
             * Format: int64
             * @description Mean of the last days
             */
            bytesPerDay: number;
            /**
             * @description Of the minimum days: none was made, it holds, it will not hold at the present rate, it does not hold
             * @enum {string}
             */
            promise: "none" | "ok" | "warning" | "broken";
            promiseReason?: string;
            /** @description Days that are promised; absent: none */
            standardMinDays?: number;
            /** @description Days that are promised; absent: none */
            alarmMinDays?: number;
            /**
             * Format: double
             * @description How far back its recordings will reach at the present rates of all cameras; absent: nothing of the kind is recorded, or nothing bounds it
             */
            standardFitDays?: number;
            /**
             * Format: double
             * @description As standardFitDays
             */
            alarmFitDays?: number;
        };
        /**
         * @description Which recordings: those of these cameras and kinds that lie wholly within the range. What is protected, or being
         *     exported, stays.
         */
        DeletionRequest: {
            /** @description Ids, of cameras too that are no longer set up */
            cameras: string[];
            kinds: ("standard" | "alarm")[];
            /**
             * Format: int64
             * @description 0 or absent: from the oldest on
             */
            fromMs?: number;
            /**
             * Format: int64
             * @description Not in the future
             */
            toMs: number;
        };
        DeletionPlan: {
            /** @description To be sent back to have it carried out */
            plan: string;
            /** Format: int64 */
            expiresMs: number;
            /**
             * Format: int64
             * @description Files that would be deleted
             */
            segments: number;
            /** Format: int64 */
            bytes: number;
            /**
             * Format: int64
             * @description Start of the oldest of them; 0: there are none
             */
            firstMs: number;
            /**
             * Format: int64
             * @description End of the newest
             */
            lastMs: number;
            /**
             * Format: int64
             * @description Files in the range that stay because they are protected, or being exported
             */
            protectedSegments: number;
            /** Format: int64 */
            protectedBytes: number;
            /**
             * Format: int64
             * @description Files in the range that stay because their volume is not there, or cannot be written
             */
            absentSegments: number;
            /** Format: int64 */
            absentBytes: number;
            /** @description Those of which something would go */
            cameras: components["schemas"]["DeletionShare"][];
        };
        DeletionShare: {
            camera: string;
            name: string;
            /** Format: int64 */
            segments: number;
            /** Format: int64 */
            bytes: number;
        };
        DeletionConfirmation: {
            plan: string;
            /**
             * Format: int64
             * @description How many files, as the plan says: the amount that was shown
             */
            segments: number;
        };
        Deletion: {
            id: string;
            /** @description Who had it done */
            by: string;
            /** Format: int64 */
            createdMs: number;
            /**
             * Format: int64
             * @description Absent while it runs
             */
            endedMs?: number;
            /** @enum {string} */
            status: "running" | "done" | "stopped" | "incomplete";
            /** @description Why it is incomplete, or what it waits for */
            reason?: string;
            stoppedBy?: string;
            cameras: string[];
            kinds: ("standard" | "alarm")[];
            /** Format: int64 */
            fromMs: number;
            /** Format: int64 */
            toMs: number;
            /**
             * Format: int64
             * @description Files that were to go
             */
            segments: number;
            /** Format: int64 */
            bytes: number;
            /**
             * Format: int64
             * @description Of them gone. Fewer than were to go can be all: what was protected or became too old meanwhile is not among them
             */
            goneSegments: number;
            /** Format: int64 */
            goneBytes: number;
        };
        Overview: {
            /** Format: int64 */
            fromMs: number;
            /** Format: int64 */
            toMs: number;
            /** Format: int64 */
            resolutionMs: number;
            /** @description The index of a volume is being rebuilt from its files: recordings may be there that do not show yet */
            rebuilding?: boolean;
            /** @description In order of start; those of one stream and kind do not overlap */
            spans: components["schemas"]["FootageSpan"][];
            gaps: components["schemas"]["Gap"][];
            /**
             * Format: int64
             * @description Start of the camera's oldest footage
             */
            firstMs?: number;
            /**
             * Format: int64
             * @description End of its newest
             */
            lastMs?: number;
        };
        FootageSpan: {
            /** @example main */
            stream: string;
            /** @enum {string} */
            kind: "standard" | "alarm";
            /** Format: int64 */
            startMs: number;
            /** Format: int64 */
            endMs: number;
        };
        FootageDay: {
            /**
             * @description In the machine's time zone
             * @example 2026-11-26
             */
            date: string;
            /** Format: int64 */
            startMs: number;
            /**
             * Format: int64
             * @description Start of the next day
             */
            endMs: number;
            /** @description There is standard recording of it */
            standard: boolean;
            /** @description There is alarm recording of it */
            alarm: boolean;
        };
        /** @description How much of what was to be recorded was: each day's `recordedMs` and the causes' `ms` sum up to `scheduledMs` exactly */
        Coverage: {
            camera: string;
            /** Format: int64 */
            fromMs: number;
            /** Format: int64 */
            toMs: number;
            /** @description The index of a volume is being rebuilt from its files: recordings may be there that do not show yet */
            rebuilding?: boolean;
            days: components["schemas"]["CoverageDay"][];
        };
        CoverageDay: {
            /**
             * @description In the machine's time zone
             * @example 2026-11-26
             */
            date: string;
            /** Format: int64 */
            startMs: number;
            /**
             * Format: int64
             * @description End of the day, or the instant of the answer
             */
            endMs: number;
            /** Format: int64 */
            scheduledMs: number;
            /** Format: int64 */
            recordedMs: number;
            /**
             * Format: int64
             * @description Time in which nothing was to be recorded
             */
            unscheduledMs: number;
            /**
             * Format: double
             * @description recordedMs of scheduledMs; 100 when nothing was scheduled
             */
            percent: number;
            causes: components["schemas"]["CoverageCause"][];
        };
        CoverageCause: {
            cause: components["schemas"]["GapCause"];
            /** Format: int64 */
            ms: number;
            message: string;
        };
        /** @description One stream of a camera as it comes now. */
        StreamState: {
            name: components["schemas"]["StreamName"];
            /** @enum {string} */
            status: "connecting" | "live" | "offline";
            code?: string;
            reason?: string;
            /** Format: int64 */
            sinceMs: number;
            /** Format: int64 */
            retryMs?: number;
            /**
             * @description In use: tcp, udp, multicast, http, with tls in front when encrypted
             * @example tls tcp
             */
            transport?: string;
            /** @description When offline because of certificate_changed: the key of the certificate that the camera shows now, to be sent as CameraRequest.certificate by who knows that it is the camera's */
            certificate?: string;
            tracks?: components["schemas"]["Track"][];
            /** Format: int64 */
            bitrateBps?: number;
            /** Format: double */
            framesPerSecond?: number;
            /** Format: int64 */
            gopMs?: number;
            /** Format: int64 */
            reconnects: number;
            /** Format: int64 */
            lostFrames: number;
            clock?: components["schemas"]["StreamClock"];
            /**
             * @description What the camera offers besides and why it is not recorded, in sentences
             * @example [
             *       "Sound is not recorded: codec SPEEX is not supported; supported are AAC, Opus, G.711 and G.726."
             *     ]
             */
            leftOut?: string[];
            recordings: components["schemas"]["RecordingState"][];
        };
        /** @description How the camera's clock relates to this machine's. */
        StreamClock: {
            /**
             * @description What frame times are taken from: the camera's own clock (RTCP), or when frames arrive
             * @enum {string}
             */
            source: "rtcp" | "arrival";
            /**
             * Format: double
             * @description Camera's clock minus ours
             */
            offsetMs?: number;
            /**
             * Format: double
             * @description By how much its media clock is faster than ours
             */
            driftPpm?: number;
            /**
             * Format: int64
             * @description Of arrival, in microseconds
             */
            jitterUs?: number;
            /** @description Why its own clock is not used */
            reason?: string;
        };
        /** @description One recording of a stream. */
        RecordingState: {
            /** @enum {string} */
            kind: "standard" | "alarm";
            /** @description It should be recorded now, by calendar or trigger */
            scheduled: boolean;
            recording: boolean;
            volume?: string;
            /** @description Why nothing is recorded though it should be */
            reason?: string;
            /** @description Volume that it is recorded to as well */
            duplicate?: string;
            /** @description Why there is no second recording though there should be */
            duplicateReason?: string;
        };
        /** @description How a stream was, in steps. A step without data is absent. */
        History: {
            camera: string;
            stream: string;
            /** Format: int64 */
            stepMs: number;
            points: components["schemas"]["HistoryPoint"][];
        };
        HistoryPoint: {
            /**
             * Format: int64
             * @description Start of the step
             */
            atMs: number;
            onlinePercent: number;
            /** Format: int64 */
            bitrateBps: number;
            /** Format: double */
            framesPerSecond: number;
            /** Format: int64 */
            gopMs: number;
            /** Format: int64 */
            lostFrames: number;
            /** Format: int64 */
            reconnects: number;
        };
        CameraTestRequest: {
            /** @description An existing camera whose password to use */
            camera?: string;
            url: string;
            username?: string;
            /** Format: password */
            password?: string;
            transport?: components["schemas"]["Transport"];
        };
        CameraTest: {
            /**
             * @description The one that worked, as in StreamState
             * @example tls tcp
             */
            transport?: string;
            /** @description Encrypted: the key that the camera will be known by, SHA-256 of the certificate's public key in hex */
            certificate?: string;
            tracks: components["schemas"]["Track"][];
            /**
             * Format: int64
             * @description From connecting to the first keyframe
             */
            firstKeyframeMs: number;
            /** @description As in StreamState */
            leftOut?: string[];
        };
        Camera: {
            /** @example k3f9x2ab */
            id: string;
            name: string;
            /** @description Empty, like the other fields about the connection, for who does not administer */
            url: string;
            username?: string;
            enabled: boolean;
            hasPassword: boolean;
            /** @description It has a second stream */
            hasSub: boolean;
            subUrl?: string;
            transport: components["schemas"]["Transport"];
            /** @description With an `rtsps` address: the key that the camera is known by, once it was seen */
            certificate?: string;
            audio: boolean;
            recording: components["schemas"]["RecordingPlan"];
            retention: components["schemas"]["Retention"];
            /** Format: int64 */
            createdMs: number;
            state: components["schemas"]["CameraState"];
        };
        PastCamera: {
            id: string;
            name: string;
            /**
             * Format: int64
             * @description Start of its oldest footage
             */
            firstMs: number;
            /**
             * Format: int64
             * @description End of its newest
             */
            lastMs: number;
        };
        CameraState: {
            /** @enum {string} */
            status: "disabled" | "connecting" | "live" | "offline";
            /** @description When offline: why, for programs (refused, unauthorized, not_found, timeout, no_video, bad_codec, ended, …) */
            code?: string;
            /** @description When offline: why, and what to do, for people */
            reason?: string;
            /** Format: int64 */
            sinceMs: number;
            /**
             * Format: int64
             * @description When the next try is due
             */
            retryMs?: number;
            /** @description Frames are reaching a disk now */
            recording: boolean;
            /** @description When not recording though live, why */
            recordingReason?: string;
            /** @description The volume that is written to */
            volume?: string;
            tracks?: components["schemas"]["Track"][];
            /** Format: int64 */
            bitrateBps?: number;
            /** Format: double */
            framesPerSecond?: number;
            /**
             * Format: int64
             * @description The last distance between keyframes
             */
            gopMs?: number;
            /** Format: int64 */
            reconnects: number;
            /**
             * Format: int64
             * @description Packets or frames known to be missing since the engine started
             */
            lostFrames: number;
            /** @description Each stream apart, main first; the fields above are those of the main stream */
            streams?: components["schemas"]["StreamState"][];
            /**
             * Format: int64
             * @description An alarm recording runs, until then unless triggered again
             */
            alarmUntilMs?: number;
            /**
             * Format: int64
             * @description Somebody has it recorded, until then
             */
            forcedUntilMs?: number;
        };
        Track: {
            /** @enum {string} */
            kind: "video" | "audio";
            /** @example H.264 */
            codec: string;
            width?: number;
            height?: number;
            sampleRateHz?: number;
            channels?: number;
        };
        Timeline: {
            /** Format: int64 */
            fromMs: number;
            /** Format: int64 */
            toMs: number;
            /** @description The index of a volume is being rebuilt from its files: recordings may be there that do not show yet */
            rebuilding?: boolean;
            segments: components["schemas"]["Segment"][];
            gaps: components["schemas"]["Gap"][];
            /** @description Of alarm recordings */
            triggers?: components["schemas"]["Trigger"][];
            protections?: components["schemas"]["Protection"][];
            /**
             * Format: int64
             * @description Start of the camera's oldest footage
             */
            firstMs?: number;
            /**
             * Format: int64
             * @description End of its newest
             */
            lastMs?: number;
        };
        Segment: {
            /** @example k3f9x2ab-1763874000000-standard-main */
            id: string;
            /** @example main */
            stream: string;
            /** @enum {string} */
            kind: "standard" | "alarm";
            /** Format: int64 */
            startMs: number;
            /** Format: int64 */
            endMs: number;
            /** @description Still being written */
            open: boolean;
            /** Format: int64 */
            sizeBytes: number;
            volume: string;
        };
        Gap: {
            /** Format: int64 */
            startMs: number;
            /** Format: int64 */
            endMs: number;
            stream?: components["schemas"]["StreamName"];
            cause: components["schemas"]["GapCause"];
            /** @description The cause in words */
            message: string;
        };
        /**
         * @description Why there is no footage. `camera_offline`: it answered wrongly, or sent nothing; `network`: it could not be reached, or packets were lost
         *     on the way; `unscheduled`: nothing was to be recorded; `deleted`: a person had it deleted; `unknown`: nobody noted why.
         * @enum {string}
         */
        GapCause: "camera_offline" | "network" | "camera_disabled" | "disk" | "overload" | "engine_restart" | "power" | "clock_step" | "lost_file" | "unscheduled" | "deleted" | "unknown";
        Recording: {
            volumes: components["schemas"]["RecordingVolume"][];
            indexCopies: components["schemas"]["IndexCopy"][];
            /** Format: int64 */
            totalBytes: number;
            /** Format: int64 */
            totalSegments: number;
            /** @description What needs attention, in sentences */
            warnings: string[];
            /**
             * Format: int64
             * @description Of all cameras, mean of the last days
             */
            bytesPerDay?: number;
            /**
             * Format: double
             * @description Until all volumes are at their limits at this rate; absent: they are, or nothing is recorded
             */
            daysLeft?: number;
            systemDisks?: components["schemas"]["SystemDiskFill"][];
        };
        /** @description How full the partition for settings of a system disk is */
        SystemDiskFill: {
            id: string;
            name: string;
            /** Format: int64 */
            sizeBytes: number;
            /** Format: int64 */
            freeBytes: number;
            warnPercent: number;
        };
        RecordingVolume: {
            id: string;
            name: string;
            /** @enum {string} */
            status: "ok" | "full" | "readonly" | "degraded" | "absent";
            reason?: string;
            /** Format: int64 */
            sizeBytes: number;
            /** Format: int64 */
            freeBytes: number;
            /** Format: int64 */
            recordingBytes: number;
            /**
             * Format: int64
             * @description Of them under protection
             */
            protectedBytes?: number;
            /**
             * Format: int64
             * @description Taken by anything else: the file system itself, copies of settings and index, and files that are not ours
             */
            otherBytes: number;
            /** Format: int64 */
            segments: number;
            limitPercent: number;
            /**
             * Format: int64
             * @description What may be taken in all; the rest is kept free
             */
            limitBytes: number;
            /** @description From which filling on it is warned; 0: never */
            warnPercent: number;
            /** @description Nothing new is written to it */
            retired: boolean;
            /** Format: int64 */
            oldestMs?: number;
            /** Format: int64 */
            writeBps: number;
            /**
             * Format: int64
             * @description Microseconds that it took lately to write and sync a round of all cameras' frames, mean of the last minute; absent: nothing was written
             */
            writeLatencyUs?: number;
            /**
             * Format: int64
             * @description The longest of them
             */
            writeLatencyMaxUs?: number;
            /**
             * Format: int64
             * @description What is recorded to it, mean of the last days
             */
            bytesPerDay: number;
            /**
             * Format: double
             * @description Until it is at its limit at this rate; absent: it is, or nothing is recorded to it
             */
            daysLeft?: number;
            rebuild?: components["schemas"]["VolumeRebuild"];
            /**
             * Format: int64
             * @description Files among the recordings that are damaged, not ours, or misnamed; they are left as they are
             */
            strangeFiles?: number;
        };
        /**
         * @description The index is being brought in step with the volume's files; absent once it is. In phase `names` files that it does not
         *     know are taken up by their names: until then footage may be missing from what queries say. In phase `headers` it
         *     is looked into each of those: until then a few may turn out to be no recordings.
         */
        VolumeRebuild: {
            /** @enum {string} */
            phase: "names" | "headers";
            /** Format: int64 */
            sinceMs: number;
            /** @description Folders of cameras to be gone through in this phase */
            cameras: number;
            camerasDone: number;
            /**
             * Format: int64
             * @description Recordings that were not in the index
             */
            found: number;
            /**
             * Format: int64
             * @description Of these looked into by now
             */
            checked: number;
        };
        RecordingVolumeRequest: {
            limitPercent?: number;
            /** @description From 10 on, or 0: never. The one that can be set of a system disk too */
            warnPercent?: number;
            /** @description Nothing new is written to it, from the next keyframes on, while another volume takes recordings; what is on it is kept as always */
            retired?: boolean;
        };
        IndexCopy: {
            volume: string;
            /** @enum {string} */
            status: "ok" | "stale" | "corrupt" | "failed";
            reason?: string;
            /** Format: int64 */
            generation: number;
            /** Format: int64 */
            sizeBytes?: number;
            /**
             * Format: int64
             * @description When its newest snapshot was made; what came since is in its journal
             */
            snapshotMs?: number;
            /**
             * Format: int64
             * @description When it was last read back whole from its disk; it is every day
             */
            checkedMs?: number;
            /**
             * Format: int64
             * @description When it was last found damaged; it was written anew then
             */
            damagedMs?: number;
            /** @description What was damaged */
            damage?: string;
        };
        ConfigurationCopy: {
            volume: string;
            /**
             * Format: int64
             * @description 0: nothing was ever configured
             */
            generation: number;
            /** Format: int64 */
            sizeBytes: number;
            /**
             * Format: int64
             * @description When what it holds was changed
             */
            savedMs?: number;
            /**
             * Format: int64
             * @description When it was last written, or read back whole from its disk; it is every day
             */
            checkedMs?: number;
            /**
             * Format: int64
             * @description When it was last found damaged; it was written anew then
             */
            damagedMs?: number;
            /** @description What was damaged */
            damage?: string;
            /** @description Why it cannot be written now */
            problem?: string;
        };
        RepairRequest: {
            /** @enum {string} */
            action: "check" | "copies" | "files";
        };
        Repair: {
            /**
             * @description `none`: there has been none since the engine started
             * @enum {string}
             */
            status: "none" | "running" | "done" | "failed";
            /** @enum {string} */
            action?: "check" | "copies" | "files";
            by?: string;
            /** Format: int64 */
            startedMs?: number;
            /** Format: int64 */
            endedMs?: number;
            /** @description What is being done, in words */
            step?: string;
            /**
             * Format: int64
             * @description Of total; of the present step
             */
            done?: number;
            /**
             * Format: int64
             * @description 0 or absent: not known
             */
            total?: number;
            /** @description In the order in which they were made */
            findings: components["schemas"]["RepairFinding"][];
        };
        RepairFinding: {
            /** @enum {string} */
            kind: "good" | "mended" | "bad";
            /** @description A sentence */
            text: string;
        };
        Status: {
            /** Format: int64 */
            revision: number;
            hostname: string;
            /**
             * @description The name that the machine has by multicast DNS on its networks; absent while it has none
             * @example vigie-4k7x.local
             */
            localName?: string;
            version: string;
            kernel?: string;
            /** @enum {string} */
            bootMode: "live" | "installed" | "observe" | "rescue";
            /** @enum {string} */
            firmware?: "bios" | "uefi";
            /**
             * Format: int64
             * @description When the machine started
             */
            startedMs: number;
            /** @description Every disk present at boot has been looked at and its volume mounted or refused */
            storageSettled: boolean;
            /** @description What factory resets took away, by its marks: a service takes up no database that is named */
            forgotten?: string[];
            interfaces: components["schemas"]["Interface"][];
            dnsServers: string[];
            trial?: components["schemas"]["Trial"];
            clock: components["schemas"]["Clock"];
            timeServer?: components["schemas"]["TimeServerSettings"];
            ssh?: components["schemas"]["SSHSwitch"];
            /** @description The port of the web admin; absent where it is not the machine's to choose */
            webPort?: number;
            disks: components["schemas"]["Disk"][];
            volumes: components["schemas"]["Volume"][];
            /** @description Arrays of disks (Linux RAID), those that run and those that were found */
            arrays?: components["schemas"]["Array"][];
            /** @description RAID cards and SAS adapters; they are watched, not configured */
            raidCards?: components["schemas"]["RaidCard"][];
            /** @description Removable disks with a file system that exports can go to */
            media?: components["schemas"]["Medium"][];
            services: components["schemas"]["Service"][];
            /** @description What the image was built from; empty when not booted from an image */
            packages: components["schemas"]["Package"][];
            memory: components["schemas"]["Memory"];
        };
        Memory: {
            /** Format: int64 */
            totalBytes: number;
            /** Format: int64 */
            availableBytes: number;
        };
        Interface: {
            /** @description Stable: a card's permanent MAC address, a bond's or VLAN's name */
            id?: string;
            /** @enum {string} */
            kind?: "ethernet" | "bond" | "vlan";
            /**
             * @description A card keeps its name, whatever cards come and go
             * @example lan1
             */
            name: string;
            /**
             * @description The kernel's name for it
             * @example eth0
             */
            device?: string;
            label?: string;
            disabled?: boolean;
            mac: string;
            driver?: string;
            carrier: boolean;
            speedMbps?: number;
            /** @enum {string} */
            duplex?: "full" | "half";
            /** @description Bytes */
            mtu?: number;
            /** @description With prefix length */
            addresses: string[];
            /** @description The IPv6 address that holds on its own network only */
            linkLocal?: string;
            /** @description IPv4 */
            gateway?: string;
            /** @description IPv6 */
            gateway6?: string;
            dhcp?: components["schemas"]["Dhcp"];
            /** @description What does not work, in a sentence */
            problem?: string;
            /** @description The bond that it is to be a member of */
            bond?: string;
            member?: components["schemas"]["BondMember"];
            /**
             * @description Of a card: where it is, its address on PCI, and its port where several share one
             * @example 0000:03:00.1
             */
            slot?: string;
            bondState?: components["schemas"]["BondState"];
            /** @description Of a VLAN: the id of what it is on */
            parent?: string;
            /** @description Of a VLAN */
            tag?: number;
            /** Format: int64 */
            rxBytes?: number;
            /** Format: int64 */
            txBytes?: number;
            /** Format: int64 */
            rxPackets?: number;
            /** Format: int64 */
            txPackets?: number;
            /** Format: int64 */
            rxErrors?: number;
            /** Format: int64 */
            txErrors?: number;
            /** Format: int64 */
            rxDropped?: number;
            /** Format: int64 */
            txDropped?: number;
        };
        BondMember: {
            /** @description It carries traffic */
            active: boolean;
            /**
             * @description As the bond's monitor sees it
             * @enum {string}
             */
            link: "up" | "fail" | "down" | "back";
            /** @description How often it was lost */
            failures: number;
            /** @description LACP: members with the bond's own aggregator work together */
            aggregator?: number;
        };
        BondState: {
            mode: components["schemas"]["BondMode"];
            /** @description Ids of those that have joined */
            members: string[];
            /** @description The one that is used, in modes that use one */
            active?: string;
            /** @description LACP */
            aggregator?: number;
            /** @description LACP: members in the aggregator */
            ports?: number;
            /** @description LACP: the switch; absent: none answers */
            partnerMac?: string;
            /** @description LACP: the switch's key for the ports that it lets work together */
            partnerKey?: number;
        };
        /** @enum {string} */
        BondMode: "balance-rr" | "active-backup" | "balance-xor" | "broadcast" | "802.3ad" | "balance-tlb" | "balance-alb";
        Dhcp: {
            /** @enum {string} */
            status: "off" | "waiting" | "bound" | "renewing" | "failed";
            reason?: string;
            server?: string;
            /** Format: int64 */
            leaseEndMs?: number;
            /**
             * Format: int64
             * @description When the lease is to be renewed
             */
            renewMs?: number;
        };
        Network: {
            settings: components["schemas"]["NetworkSettings"];
            /** @description Of the settings; changes with them */
            version: string;
            trial?: components["schemas"]["Trial"];
        };
        NetworkRequest: {
            settings: components["schemas"]["NetworkSettings"];
            /** @description That of the settings which were edited; refused when they have changed since. Absent: not checked */
            version?: string;
            /** @description Only check and tell */
            dryRun?: boolean;
        };
        Plan: {
            /** @description What changes; empty: nothing */
            steps: components["schemas"]["PlanStep"][];
            /** @description The web admin will not be reached any more by the address by which this request came */
            losesAddress: boolean;
            /** @description Where the web admin is afterwards, as far as that is known */
            urls: string[];
            trial?: components["schemas"]["Trial"];
        };
        PlanStep: {
            /** @enum {string} */
            kind: "info" | "warning" | "danger";
            /** @description A sentence */
            text: string;
        };
        Trial: {
            /**
             * @description What was changed; `POST /network/confirm`, `POST /firewall/confirm` and so on keep it
             * @enum {string}
             */
            subject: "network" | "firewall" | "web-port";
            /**
             * Format: int64
             * @description When it is rolled back unless confirmed
             */
            endsMs: number;
            /**
             * Format: int64
             * @description The same as a duration, when this answer was made
             */
            leftMs: number;
            /** @description Who changed it */
            user?: string;
            /** @description Where to confirm it */
            urls?: string[];
        };
        NetworkSettings: {
            /** @description Empty: the machine's default */
            hostname?: string;
            /** @description A card without an entry has the defaults: DHCP, and IPv6 as routers announce it */
            interfaces?: components["schemas"]["NICSettings"][];
            bonds?: components["schemas"]["BondSettings"][];
            vlans?: components["schemas"]["VLANSettings"][];
            /** @description Addresses; empty: those that DHCP gives */
            dnsServers?: string[];
            /** @description Domains; empty: those that DHCP gives */
            search?: string[];
        };
        NICSettings: {
            /** @description The permanent MAC address in lower case with colons */
            id: string;
            /** @description lan1, lan2, …; absent: one is given */
            name?: string;
            label?: string;
            disabled?: boolean;
            /** @description Bytes; 0: as DHCP says or the card has it */
            mtu?: number;
            ipv4?: components["schemas"]["IPv4Settings"];
            ipv6?: components["schemas"]["IPv6Settings"];
            zones?: components["schemas"]["Zones"];
        };
        BondSettings: {
            /** @description Its id */
            name: string;
            label?: string;
            mode: components["schemas"]["BondMode"];
            /** @description Ids of network cards */
            members: string[];
            /** @description The member to prefer; active-backup, balance-tlb, balance-alb */
            primary?: string;
            /**
             * Format: int64
             * @description Between two looks at the links; 0: 100, unless ARP watches
             */
            miiMonitorMs?: number;
            /**
             * Format: int64
             * @description Between two questions by ARP; 0: the links are looked at instead
             */
            arpIntervalMs?: number;
            /** @description IPv4 addresses that must answer */
            arpTargets?: string[];
            /**
             * @description 802.3ad
             * @enum {string}
             */
            lacpRate?: "slow" | "fast";
            /**
             * @description balance-xor, 802.3ad, balance-tlb
             * @enum {string}
             */
            hashPolicy?: "layer2" | "layer2+3" | "layer3+4" | "encap2+3" | "encap3+4" | "vlan+srcmac";
            mtu?: number;
            ipv4?: components["schemas"]["IPv4Settings"];
            ipv6?: components["schemas"]["IPv6Settings"];
            zones?: components["schemas"]["Zones"];
        };
        VLANSettings: {
            /** @description Its id */
            name: string;
            label?: string;
            /** @description Id of a network card or a bond */
            parent: string;
            tag: number;
            mtu?: number;
            ipv4?: components["schemas"]["IPv4Settings"];
            ipv6?: components["schemas"]["IPv6Settings"];
            zones?: components["schemas"]["Zones"];
        };
        IPv4Settings: {
            /**
             * @description Absent: dhcp
             * @enum {string}
             */
            method?: "dhcp" | "static" | "off";
            /**
             * @description With prefix length; with DHCP they come besides its own
             * @example [
             *       "192.168.1.10/24"
             *     ]
             */
            addresses?: string[];
            /** @description With static addresses */
            gateway?: string;
            /** @description The gateway with the lowest is used; 0: by the order of the interfaces */
            metric?: number;
        };
        IPv6Settings: {
            /**
             * @description Absent: auto, as routers announce
             * @enum {string}
             */
            method?: "auto" | "static" | "off";
            /**
             * @example [
             *       "2001:db8::10/64"
             *     ]
             */
            addresses?: string[];
            gateway?: string;
            metric?: number;
        };
        /** @description The worlds that an interface belongs to; empty: both */
        Zones: ("office" | "cameras")[];
        Clock: {
            /** Format: int64 */
            nowMs: number;
            /** @enum {string} */
            status: "synchronised" | "waiting" | "unreachable" | "no_server" | "observe";
            reason?: string;
            /**
             * @description IANA name; absent: UTC
             * @example Europe/Paris
             */
            timeZone?: string;
            /** @description The one followed */
            server?: string;
            /**
             * Format: double
             * @description At the last exchange; positive when this clock is behind
             */
            offsetMs?: number;
            /** Format: int64 */
            lastSyncMs?: number;
            /** @description In use */
            servers: string[];
            /** @description Chosen by the admin; empty: DHCP's */
            configuredServers: string[];
            /** @description Times of the day by the machine's time zone at which the clock is set; absent: it is kept right all the time */
            setAt?: string[];
            /**
             * Format: int64
             * @description setAt: when it is set next
             */
            nextMs?: number;
            /** @description What came of each server in use */
            sources?: components["schemas"]["ClockSource"][];
            reference?: components["schemas"]["ClockReference"];
        };
        ClockSource: {
            /** @description As it was configured or given */
            server: string;
            /** @description Which of its addresses answered */
            address?: string;
            /**
             * @description agrees: it could be followed; false: the others agree on another time; passed: its last answer was a spike
             * @enum {string}
             */
            status: "followed" | "agrees" | "false" | "passed" | "silent";
            reason?: string;
            stratum?: number;
            /**
             * Format: double
             * @description Of its last good answer; positive when this clock is behind
             */
            offsetMs?: number;
            /**
             * Format: int64
             * @description There and back, in microseconds
             */
            delayUs?: number;
            /**
             * Format: int64
             * @description How far its answers scatter, in microseconds
             */
            jitterUs?: number;
        };
        /** @description What the clock is synchronised to, as NTP tells it. Absent while it is not. */
        ClockReference: {
            /**
             * @description Reference id, hexadecimal: the IPv4 address of the server that is followed, or the beginning of the MD5 of its IPv6 address
             * @example 0a4d0001
             */
            id: string;
            /** @description This machine's, one more than that of the server */
            stratum: number;
            /**
             * @description A second that is put in or left out at the end of the month
             * @enum {string}
             */
            leap: "none" | "add" | "delete";
            /**
             * Format: int64
             * @description To the clock that all goes back to, there and back, in microseconds
             */
            rootDelayUs: number;
            /**
             * Format: int64
             * @description How far the clock may be off besides half of rootDelayUs, in microseconds, at atMs; it grows by 15 a second since
             */
            rootDispersionUs: number;
            /** Format: int64 */
            atMs: number;
        };
        ClockHistory: {
            /** @description Offsets that were seen and taken away bit by bit, in the last day, oldest first; of each minute the largest */
            points: components["schemas"]["ClockPoint"][];
            /** @description When the clock was set, oldest first; the last hundred since the machine started */
            steps: components["schemas"]["ClockStep"][];
        };
        ClockPoint: {
            /** Format: int64 */
            atMs: number;
            /**
             * Format: double
             * @description Positive when the clock was behind
             */
            offsetMs: number;
        };
        ClockStep: {
            /**
             * Format: int64
             * @description What the clock said
             */
            beforeMs: number;
            /**
             * Format: int64
             * @description What it was set to
             */
            afterMs: number;
            /** @description By which; absent: nobody's time, but one that is known to be past */
            server?: string;
        };
        TimeServerSettings: {
            /** @description Answer on UDP port 123. While nobody chose, it is on once an interface is in the zone of the cameras */
            enabled: boolean;
            /** @description Stratum that is told while this clock is not synchronised, from 2 to 15, so that devices keep one time with each other; 0: they are told that it is not */
            orphanStratum?: number;
        };
        TimeServer: {
            settings: components["schemas"]["TimeServerSettings"];
            /** @description Why it does not answer though it is switched on */
            problem?: string;
            /** @description What it tells; 16: not synchronised */
            stratum: number;
            /** @enum {string} */
            leap: "none" | "add" | "delete" | "unsynchronised";
            /** Format: int64 */
            rootDelayUs: number;
            /** Format: int64 */
            rootDispersionUs: number;
            /** @example 0a4d0001 */
            referenceId: string;
            /**
             * Format: int64
             * @description Packets that came, since the service started
             */
            requests: number;
            /** Format: int64 */
            answered: number;
            /**
             * Format: int64
             * @description Left unanswered, or refused, because their sender asked too often
             */
            limited: number;
            /**
             * Format: int64
             * @description No requests for the time: other modes and versions, and what is no NTP
             */
            ignored: number;
            /** @description How many clients are known */
            clientCount: number;
            /** @description Those that asked last, the latest first; 200 at most */
            clients: components["schemas"]["TimeClient"][];
        };
        TimeClient: {
            /** @description IPv4 address, or the /64 network of an IPv6 address */
            address: string;
            /** @description NTP version of its last request */
            version: number;
            /** Format: int64 */
            requests: number;
            /** Format: int64 */
            limited: number;
            /** Format: int64 */
            firstMs: number;
            /** Format: int64 */
            lastMs: number;
        };
        /** @enum {string} */
        Zone: "office" | "cameras";
        Firewall: {
            /** @description Rules are kept; not where Vigie only observes */
            active: boolean;
            /** @description Why it does not protect as it should, for people; empty: it does */
            problem: string;
            services: components["schemas"]["FirewallService"][];
            zones: components["schemas"]["FirewallZone"][];
            /** @description Settings of the kernel that somebody had changed, and that were made right; the newest last */
            restored: components["schemas"]["RestoredSetting"][];
        };
        FirewallService: {
            /** @enum {string} */
            id: "web" | "webrtc" | "relay" | "ntp" | "mdns" | "ssh";
            /** @description Only then are its ports opened */
            enabled: boolean;
            /** @description In which it is open */
            zones: components["schemas"]["Zone"][];
            usualZones: components["schemas"]["Zone"][];
            /** @description That it has, or would have if it were switched on; of the relay those of now */
            ports: components["schemas"]["PortRange"][];
            /** @description A process waits at one of them now */
            listening: boolean;
        };
        PortRange: {
            /** @enum {string} */
            protocol: "tcp" | "udp";
            first: number;
            last: number;
        };
        FirewallZone: {
            /** @enum {string} */
            id: "office" | "cameras" | "both";
            /** @description Names of those in it; those of no zone are in both */
            interfaces: string[];
            /** @description Since the machine started; empty while that is not known */
            dropped: components["schemas"]["DroppedPackets"][];
        };
        DroppedPackets: {
            /**
             * @description spoofed: the sender is not in a network that is reached by this interface. astray: for an address that this interface does
             *     not have. denied: for what is not open. limited: for what is open, but too many. passing: to be passed on to another
             *     network. leaving: the machine's own, with the address of another interface
             * @enum {string}
             */
            reason: "spoofed" | "astray" | "denied" | "limited" | "passing" | "leaving";
            /** Format: int64 */
            packets: number;
            /** Format: int64 */
            bytes: number;
        };
        RestoredSetting: {
            /** Format: int64 */
            atMs: number;
            /** @example net/ipv4/ip_forward was 1 */
            setting: string;
        };
        FirewallRequest: {
            services: {
                id: string;
                /** @description Empty: nowhere */
                zones: string[];
            }[];
            /** @description Only check and tell */
            dryRun?: boolean;
        };
        WebPortRequest: {
            /** @description 443 is the usual one, which nobody has to type */
            port: number;
            /** @description Change nothing */
            dryRun?: boolean;
        };
        RelayPorts: {
            tcp: number[];
            udp: number[];
            /** @description Only say whether the relay can have them: not those that are another service's */
            dryRun?: boolean;
        };
        Login: {
            /** Format: int64 */
            atMs: number;
            /**
             * Format: int64
             * @description When it was the last time, where it was several
             */
            lastMs: number;
            count: number;
            /** @enum {string} */
            way: "web" | "ssh" | "console";
            /**
             * @description code: the one-time code that the console shows; person: by standing there
             * @enum {string}
             */
            method: "password" | "key" | "code" | "person";
            /**
             * @description limited: after too many failures, not looked at. reset: a reset of the administrator's password was asked for on the console
             * @enum {string}
             */
            result: "ok" | "refused" | "limited" | "reset";
            /** @description Absent where it is no user's: it may be a mistyped password */
            user?: string;
            /** @description Where from */
            address?: string;
            /** @description Fingerprint of the key */
            key?: string;
        };
        SSHSwitch: {
            enabled: boolean;
            port: number;
            /** @description Differs whenever anything of `GET /ssh` does */
            version: string;
            /** @description A full shell is permitted at the moment */
            shell?: boolean;
        };
        SSHSettings: {
            /** @description Nothing listens unless it is */
            enabled: boolean;
            /** @description 22 is the usual one */
            port: number;
            /** @description An administrator's name and password are enough to log in; else only keys do */
            passwords: boolean;
        };
        SSH: {
            settings: components["schemas"]["SSHSettings"];
            /** @description 16 at most; the oldest first */
            keys: components["schemas"]["SSHKey"][];
            /**
             * @description Fingerprint of the key by which the machine is known, to compare at the first log-in; empty until one was needed
             * @example SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8
             */
            hostKey: string;
            shell?: components["schemas"]["SSHShell"];
        };
        SSHShell: {
            /**
             * Format: int64
             * @description Until it ends, whatever happens to the clock
             */
            leftMs: number;
            /** Format: int64 */
            untilMs: number;
            /** Format: int64 */
            sinceMs: number;
            /** @description The user who permitted it */
            by: string;
        };
        SSHShellRequest: {
            minutes: number;
        };
        SSHKey: {
            id: string;
            /** @description Type and key as in OpenSSH's files */
            key: string;
            /** @example ssh-ed25519 */
            type: string;
            /** @description As ssh-keygen -l shows it */
            fingerprint: string;
            comment: string;
            /** Format: int64 */
            addedMs: number;
            /** @description A user's name */
            addedBy: string;
        };
        SSHKeyRequest: {
            /** @description A line of OpenSSH's public key files: Ed25519, ECDSA, or RSA of 3072 bits and more */
            key: string;
            /** @description Instead of the line's own, 64 characters at most */
            comment?: string;
        };
        SSHSessions: {
            listening: boolean;
            /** @description Why it does not listen as it should, for people; empty: it does */
            problem: string;
            /** @description The oldest first */
            sessions: components["schemas"]["SSHSession"][];
            /** @description To log in, since the service started, the newest first; 100 at most */
            attempts: components["schemas"]["SSHAttempt"][];
        };
        SSHSession: {
            user: string;
            address: string;
            method: components["schemas"]["SSHMethod"];
            /** @description Fingerprint of the key */
            key?: string;
            /** Format: int64 */
            sinceMs: number;
            /** @description The command that runs, or menu */
            doing: string;
        };
        /** @enum {string} */
        SSHMethod: "key" | "password";
        SSHAttempt: {
            /** Format: int64 */
            atMs: number;
            /** @description Empty where it is no user's: it may be a mistyped password */
            user: string;
            address: string;
            method: components["schemas"]["SSHMethod"];
            /** @description Fingerprint of the key */
            key?: string;
            /**
             * @description limited: after too many failures, not looked at. failed: it could not be looked at
             * @enum {string}
             */
            result: "ok" | "refused" | "limited" | "failed";
        };
        BandwidthLimit: {
            /** @description Its id: the MAC address of a card, the name of a bond or VLAN */
            interface: string;
            /** @description What it may send in all, in kbit/s, from 128 to 25,000,000; absent: no limit */
            kbps?: number;
            /** @description What of it may go to addresses outside the interface's own networks; absent: no limit */
            routerKbps?: number;
        };
        Bandwidth: {
            limit: components["schemas"]["BandwidthLimit"];
            name: string;
            up: boolean;
            /** @description A default route leaves by it */
            router: boolean;
            /**
             * Format: int64
             * @description Bits a second at the moment
             */
            sentBps: number;
            /** Format: int64 */
            receivedBps: number;
            /**
             * Format: int64
             * @description Of what is sent; known where there is a limit
             */
            routerBps: number;
            /**
             * Format: int64
             * @description Packets that did not fit since the limit was set
             */
            dropped: number;
            /** @description Why the limit is not kept, for people; empty: it is */
            problem: string;
        };
        Disk: {
            /** @description Stable: from WWN or serial */
            id: string;
            model: string;
            /** @description As the disk says it, and what people know it by; the id when it says none */
            serial: string;
            /**
             * @description World-wide name or EUI-64, in hexadecimal
             * @example 50014ee2b1234567
             */
            wwn?: string;
            /** @description The version of the disk's own */
            firmware?: string;
            /** @example sata */
            bus?: string;
            /**
             * @description Where it is plugged in, for people
             * @example port 3
             */
            slot?: string;
            /** Format: int64 */
            sizeBytes: number;
            rotational?: boolean;
            removable?: boolean;
            /**
             * @description `system`: a disk that Vigie is installed on; `array`: a part of a RAID; `busy`: something else on this machine uses it; `other`: holds something that is not ours
             * @enum {string}
             */
            use: "blank" | "volume" | "array" | "boot" | "system" | "busy" | "other";
            /** @description What was found, in words: partition table, filesystem, label */
            contents?: string;
            /** @description The same piece by piece */
            found?: components["schemas"]["DiskContent"][];
            /** @description What uses it now, in words: a mount, swap space, an array */
            usedBy?: string[];
            /** @description The volume on it */
            volume?: string;
            operation?: components["schemas"]["Operation"];
            health?: components["schemas"]["DiskHealth"];
        };
        /** @description How a disk is, by what it says of itself (SMART). Absent - of this kind of disk nothing is known */
        DiskHealth: {
            /**
             * @description unknown: it has not answered yet, or cannot say
             * @enum {string}
             */
            status: "unknown" | "ok" | "warning" | "failing";
            /** @description What is wrong, or why nothing is known, in sentences */
            reasons?: string[];
            /** @description It sleeps and is not woken; the rest is from before */
            asleep?: boolean;
            /**
             * Format: int64
             * @description When it answered last
             */
            checkedMs?: number;
            /** @description °C */
            temperature?: number;
            /** @description How much of what it can be written is used up, in percent; may be more than 100 */
            wear?: number;
            /**
             * Format: int64
             * @description Switched on in its life
             */
            hours?: number;
            test?: components["schemas"]["SelfTest"];
        };
        /** @description A self-test that runs */
        SelfTest: {
            /**
             * @description Absent: not known
             * @enum {string}
             */
            kind?: "short" | "long";
            /** @description Done */
            percent: number;
        };
        SelfTestRequest: {
            /**
             * @description stop: end the test that runs
             * @enum {string}
             */
            kind: "short" | "long" | "stop";
        };
        DiskReport: {
            health: components["schemas"]["DiskHealth"];
            /** @description Turns a minute; absent: nothing turns */
            rpm?: number;
            /**
             * Format: int64
             * @description Sectors replaced by spare ones
             */
            reallocated?: number;
            /**
             * Format: int64
             * @description Sectors that cannot be read
             */
            pending?: number;
            /**
             * Format: int64
             * @description Errors that could not be mended
             */
            uncorrected?: number;
            /**
             * Format: int64
             * @description Transfer errors, mostly a cable's
             */
            linkErrors?: number;
            /** @description Spare blocks left, in percent */
            spare?: number;
            /** @description It can test itself */
            canTest: boolean;
            /** @description How long a short self-test takes; 0: not said */
            shortMinutes?: number;
            longMinutes?: number;
            /** @description Those that have ended, newest first */
            tests: components["schemas"]["DiskTest"][];
            /** @description A month, oldest first */
            byHour: components["schemas"]["DiskPoint"][];
            /** @description Three years, oldest first */
            byDay: components["schemas"]["DiskPoint"][];
        };
        DiskTest: {
            kind: string;
            result: string;
            failed: boolean;
            /**
             * Format: int64
             * @description Of the disk's life, when it ended
             */
            hours: number;
        };
        DiskPoint: {
            /**
             * Format: int64
             * @description Begin of the step
             */
            atMs: number;
            /**
             * Format: double
             * @description °C, mean
             */
            temperature?: number;
            hottest?: number;
            wear?: number;
            /** Format: int64 */
            reallocated?: number;
            /** Format: int64 */
            pending?: number;
            /** Format: int64 */
            uncorrected?: number;
        };
        DiskEvent: {
            /** Format: int64 */
            atMs: number;
            /** @description Its id */
            disk: string;
            serial: string;
            /** @enum {string} */
            severity: "info" | "warning" | "failure";
            text: string;
        };
        Array: {
            /** @description Its UUID */
            id: string;
            name: string;
            /** @description The mark of the machine that it belongs to */
            machine?: string;
            /** @example RAID 5 */
            level: string;
            /**
             * @description waiting: for members that may still come, or for its start; running: whole; degraded: it runs with fewer disks than it should; foreign: another
             *     machine's, which is not started unasked; stopped: in rescue mode, it is started when somebody asks for that; incomplete: too few of its disks are there;
             *     failed: it could not be started, or has lost too many disks
             * @enum {string}
             */
            status: "waiting" | "running" | "degraded" | "foreign" | "stopped" | "incomplete" | "failed";
            /** @description In a sentence, where not all is well */
            reason?: string;
            /** @description The id of the disk that it is, while it runs */
            disk?: string;
            /** Format: int64 */
            sizeBytes?: number;
            members: components["schemas"]["ArrayDisk"][];
            sync?: components["schemas"]["ArraySync"];
            /**
             * Format: int64
             * @description When its disks were compared last; they are each 30 days. Absent: not yet
             */
            checkedMs?: number;
            /**
             * Format: int64
             * @description Sectors in which they differed then; absent: none
             */
            differs?: number;
            operation?: components["schemas"]["Operation"];
        };
        ArrayDisk: {
            /** @description Its id; absent: it is missing */
            disk?: string;
            serial?: string;
            /** @description Where it is plugged in */
            slot?: string;
            /** @description Counted from 1; absent: a spare */
            position?: number;
            /**
             * @description idle: the array does not run; behind: it does not, and this disk was away and lacks what was written since
             * @enum {string}
             */
            state: "good" | "rebuilding" | "spare" | "failed" | "missing" | "idle" | "behind";
        };
        /** @description What the array does to be in order; absent - nothing */
        ArraySync: {
            /**
             * @description resync, recover, check, repair, reshape
             * @example recover
             */
            action: string;
            percent: number;
            /**
             * Format: int64
             * @description For each disk, kB/s
             */
            kBps?: number;
            /**
             * Format: int64
             * @description At the present speed; absent: not known
             */
            leftMs?: number;
        };
        ArrayPlanRequest: {
            /** @description 0, 1, 5, 6 or 10 */
            level: number;
            /** @description Their ids */
            disks: string[];
        };
        ArrayPlan: {
            /**
             * Format: int64
             * @description At least
             */
            capacityBytes: number;
            /** @description How many disks may fail, whichever they are */
            survives: number;
            /**
             * Format: int64
             * @description Of larger disks, that stay unused
             */
            unusedBytes: number;
            /** @description Why there can be no such array; absent: there can */
            problem?: string;
        };
        ArrayRequest: {
            /** @description 0, 1, 5, 6 or 10 */
            level: number;
            /** @description Letters, digits and hyphens */
            name: string;
            disks: components["schemas"]["MeantDisk"][];
            spares?: components["schemas"]["MeantDisk"][];
        };
        MeantDisk: {
            id: string;
            /** @description The disk's serial, as a sign that this disk is meant */
            confirmSerial: string;
        };
        ArrayChange: {
            /**
             * @description start: one of this machine's that does not run; grow: it uses more disks, or without any more of each that was replaced by a larger one; fail: the disk counts as broken; adopt: it becomes this machine's and is started; delete: it ends, and all that is on it is lost; for the others see their names
             * @enum {string}
             */
            action: "add" | "fail" | "remove" | "replace" | "grow" | "start" | "adopt" | "delete" | "check" | "stop_check";
            disk?: components["schemas"]["MeantDisk"];
            with?: components["schemas"]["MeantDisk"];
            /** @description delete: all of its disks; grow: those that come to them */
            disks?: components["schemas"]["MeantDisk"][];
            /** @description adopt, delete: the array's name */
            confirmName?: string;
            /** @description start: without those of its disks that are missing or behind, if it has all its data without them */
            degraded?: boolean;
        };
        RecordingLag: {
            /**
             * Format: int64
             * @description How long the frame has been waiting that waits longest for its disk
             */
            waitedMs: number;
        };
        RaidCard: {
            /**
             * @description Its address on the PCI bus
             * @example 0000:03:00.0
             */
            id: string;
            /** @example MegaRAID SAS-3 3108 */
            name: string;
            /** @example megaraid_sas */
            driver: string;
            /** @description Disks are behind it; a plain adapter shows them as they are */
            raid: boolean;
            /** @description What it shows to the machine as disks: its logical volumes */
            disks: components["schemas"]["RaidCardDisk"][];
            /** @description The disks behind it, as far as they answer */
            drives?: components["schemas"]["RaidCardDrive"][];
        };
        RaidCardDisk: {
            /** @description Id of the disk */
            disk: string;
            /**
             * @description As the card says it; absent: it does not
             * @example RAID 5
             */
            level?: string;
            /** @example degraded */
            state?: string;
            /** @description How far it is in sync */
            resync?: string;
        };
        RaidCardDrive: {
            /** @description For health and self-tests */
            id: string;
            /** @description Its number on the card */
            place: number;
            model: string;
            serial: string;
            health: components["schemas"]["DiskHealth"];
        };
        DiskContent: {
            /** @example xfs */
            kind: string;
            /** @example XFS file system */
            name: string;
            label?: string;
            /** @description Absent: it is on the disk itself */
            partition?: number;
            /**
             * Format: int64
             * @description Of the partition
             */
            sizeBytes?: number;
            member?: components["schemas"]["ArrayMember"];
        };
        /** @description What the superblock of an array's member says */
        ArrayMember: {
            /** @description The array's UUID */
            array: string;
            /** @description The array's */
            name?: string;
            /** @description The host name of the machine that the array belongs to */
            machine?: string;
            /** @example RAID 5 */
            level: string;
            /** @description How many the array has when it is whole */
            members?: number;
            /** @enum {string} */
            role: "member" | "spare" | "faulty" | "journal";
            /** @description Of a member: which one it is, counted from 1 */
            position?: number;
        };
        Operation: {
            /** @enum {string} */
            name: "format" | "install" | "create" | "add" | "fail" | "remove" | "replace" | "grow" | "adopt" | "delete" | "check" | "repair" | "unmount" | "rename";
            /** @enum {string} */
            status: "running" | "failed" | "done";
            /** @description install, check, repair: how much is done */
            percent?: number;
            message?: string;
        };
        Volume: {
            /** @description UUID of the filesystem and of its identity file */
            id: string;
            name: string;
            /** @description Where it is mounted */
            path: string;
            disk?: string;
            /**
             * @description `state`: the settings of a system disk; nothing is recorded on it. Absent: data
             * @enum {string}
             */
            use?: "data" | "state";
            /**
             * @description unmounted: somebody wanted that, or it is being checked
             * @enum {string}
             */
            status: "mounted" | "readonly" | "failed" | "unmounted";
            reason?: string;
            /** Format: int64 */
            sizeBytes?: number;
            /** Format: int64 */
            freeBytes?: number;
            operation?: components["schemas"]["Operation"];
            check?: components["schemas"]["VolumeCheck"];
            /** @description Id of the volume, whose disk failed, in the place of which this one was made */
            replaces?: string;
            /**
             * @description Another machine's mark: it is that one's, and only read here, until it is adopted. Absent: it is this one's
             * @example vigie-3f2a91c4
             */
            machine?: string;
            failure?: components["schemas"]["VolumeFailure"];
        };
        /** @description What happened to a volume that cannot be used, and what to do. Absent - it can, or somebody unmounted it */
        VolumeFailure: {
            /**
             * @description gone: the disk was pulled, or has stopped answering for good; missing: it was not there when the machine started; silent: it does not answer; damaged: its file system is
             * @enum {string}
             */
            cause: "gone" | "missing" | "silent" | "errors" | "damaged" | "readonly";
            /**
             * Format: int64
             * @description When it was noticed; missing: when the volume was last seen in use
             */
            sinceMs: number;
            /** @description The disk's */
            serial?: string;
            model?: string;
            /** @description Where the disk is or was plugged in */
            slot?: string;
            /**
             * Format: int64
             * @description The disk's
             */
            sizeBytes?: number;
            /** @description What to do, in order, in sentences; they change as things do */
            steps: string[];
            /** @description Ids of disks that could take its disk's place: see `replaces` of formatDisk */
            spares?: string[];
        };
        /** @description The last check or repair of a volume. Absent - there was none */
        VolumeCheck: {
            /** @enum {string} */
            kind: "check" | "repair";
            /**
             * @description failed: it could not do its work
             * @enum {string}
             */
            result: "clean" | "damaged" | "repaired" | "failed";
            /**
             * Format: int64
             * @description When it ended
             */
            atMs: number;
            /** Format: int64 */
            tookMs: number;
            /** @description How many lines were said about what is wrong */
            findings: number;
            /** @description The file system's log holds changes that were not carried out: it is repaired only without the log, which loses them */
            logPending?: boolean;
            /** @description Files and folders whose names were lost. Recordings among them are put back where they were; what is none stays in the volume's folder lost+found */
            strays?: number;
            /** @description What that means, for people */
            message?: string;
        };
        VolumeReport: {
            check: components["schemas"]["VolumeCheck"];
            /** @description What was said about what is wrong, the first 200 lines */
            lines: string[];
        };
        VolumeChange: {
            /**
             * @description adopt: what was another machine's becomes this one's, is recorded to, and is kept by this one's rules; check: nothing is changed; repair: what a check found; unmount: until it is mounted, its disk is plugged in anew or the machine starts; forget: one whose disk is out is told of no more. Its recordings are back all the same should it come back
             * @enum {string}
             */
            action: "rename" | "check" | "repair" | "unmount" | "mount" | "forget" | "adopt";
            /** @description rename: how people know it */
            name?: string;
            /** @description repair, adopt: the serial of the volume's disk, as a sign that this volume is meant */
            confirmSerial?: string;
            /** @description repair, as a last resort, where `logPending` says so: without the log. What the file system did in its last seconds is lost, and recordings may go with it */
            dropLog?: boolean;
        };
        Medium: {
            /** @description That of the disk */
            id: string;
            /** @description Its label, or the disk's model */
            name: string;
            /** @example exFAT */
            filesystem: string;
            /** Format: int64 */
            sizeBytes: number;
            /**
             * Format: int64
             * @description While it is mounted, else 0
             */
            freeBytes?: number;
            /**
             * Format: int64
             * @description The most that a file on it can have; 0: no limit that matters
             */
            fileLimitBytes?: number;
            /**
             * @description present: it is mounted when an export is to be written to it; ejected: it may be pulled, and is used again once it was
             * @enum {string}
             */
            status: "present" | "mounting" | "mounted" | "ejecting" | "ejected" | "failed";
            /** @description failed: why */
            reason?: string;
            /** @description mounted: the folder for exports */
            path?: string;
        };
        /**
         * @description waiting: not asked often enough to tell
         * @enum {string}
         */
        HostStatus: "waiting" | "up" | "slow" | "lossy" | "down";
        WatchedHost: {
            name: string;
            /** @description As it was chosen */
            address: string;
            /** @description It is one of the settings */
            chosen: boolean;
            /** @description It is one of the machine's gateways */
            gateway: boolean;
            intervalSeconds: number;
            /** @description From this share of unanswered requests on it is lossy */
            lossPercent: number;
            /**
             * Format: int64
             * @description From this time of answering on it is slow; 0: never
             */
            latencyMs: number;
            status: components["schemas"]["HostStatus"];
            reason?: string;
            /** Format: int64 */
            sinceMs: number;
            /** @description The address that was asked last */
            ip?: string;
            /** @description Of the last 20 requests */
            lossNowPercent: number;
            /**
             * Format: double
             * @description Of the last 20 requests, in milliseconds
             */
            medianLatency?: number;
        };
        HostEvent: {
            /** Format: int64 */
            atMs: number;
            address: string;
            name: string;
            from: components["schemas"]["HostStatus"];
            to: components["schemas"]["HostStatus"];
            reason?: string;
        };
        HostWatch: {
            /** @description The machine's gateways are watched by themselves */
            gateways: boolean;
            /** @description Those chosen in their order; then gateways */
            hosts: components["schemas"]["WatchedHost"][];
            /** @description Newest first */
            events: components["schemas"]["HostEvent"][];
        };
        HostRequest: {
            /** @description Absent: the address */
            name?: string;
            /** @description A host name or an IP address */
            address: string;
            /** @description 0 or absent: 10 */
            intervalSeconds?: number;
            /** @description 0 or absent: 20 */
            lossPercent?: number;
            /**
             * Format: int64
             * @description 0 or absent: never slow
             */
            latencyMs?: number;
        };
        HostWatchRequest: {
            gateways: boolean;
            hosts: components["schemas"]["HostRequest"][];
        };
        /** @description Latencies are in milliseconds; 0 without any answer */
        HostPoint: {
            /** Format: int64 */
            atMs: number;
            sent: number;
            lost: number;
            /** Format: double */
            leastLatency: number;
            /** Format: double */
            meanLatency: number;
            /** Format: double */
            mostLatency: number;
        };
        HostHistory: {
            /** Format: int64 */
            stepMs: number;
            /** @description Oldest first; a step without requests is left out */
            points: components["schemas"]["HostPoint"][];
        };
        Service: {
            name: string;
            /** @enum {string} */
            status: "starting" | "ready" | "unhealthy" | "backoff" | "stopped";
            reason?: string;
            pid?: number;
            /** Format: int64 */
            sinceMs: number;
            restarts: number;
            /** Format: int64 */
            memoryBytes?: number;
            stoppable?: boolean;
            /** @description It runs only while what it is for is permitted, as shell is with `PUT /ssh/shell` */
            onDemand?: boolean;
        };
        ServiceLog: {
            lines: string[];
        };
        Package: {
            name: string;
            version: string;
        };
        ClockRequest: {
            ntpServers: string[];
            /** @description IANA name. Absent: as it was; empty: UTC */
            timeZone?: string;
            /** @description Times of the day at which the clock is set. Absent: as it was; empty: it is kept right all the time */
            setAt?: string[];
        };
        InstallRequest: {
            /** @description The disk's serial, typed or sent back as a sign that this disk is meant */
            confirmSerial: string;
            /** @description What the system does not need of the disk becomes a data volume */
            dataVolume: boolean;
        };
        ConfigurationExportRequest: {
            /** @description At least 12 characters. Without it nobody can read the file */
            passphrase: string;
        };
        ConfigurationImportRequest: {
            /**
             * Format: byte
             * @description The file as base64
             */
            file: string;
            passphrase: string;
            /** @description That of the answer which was looked at; absent: nothing is changed */
            confirm?: string;
        };
        ConfigurationImport: {
            /** @description Host name of the machine that made the file */
            machine: string;
            /** @description Its version of Vigie */
            software: string;
            /**
             * Format: int64
             * @description When
             */
            madeMs: number;
            /** @description Sentences; empty: all is as in the file */
            changes: string[];
            /** @description Sentences: what of the file does not fit this machine, and stays as it is */
            leftOut: string[];
            plan: components["schemas"]["Plan"];
            confirm: string;
            /** @description Whether it was changed */
            applied: boolean;
        };
        FactoryReset: {
            /** @description The words factory reset, typed as a sign that this is meant */
            confirm: string;
            /** @description The volumes whose recordings are deleted too */
            erase: components["schemas"]["FactoryResetVolume"][];
        };
        FactoryResetVolume: {
            /** @description Its id */
            volume: string;
            /** @description The serial of its disk, typed or sent back as a sign that this volume is meant */
            confirmSerial: string;
        };
        Installation: {
            /** @enum {string} */
            bootMode: "live" | "installed" | "observe" | "rescue";
            /**
             * @description installed: the slot that was started
             * @enum {string}
             */
            slot?: "a" | "b";
            /**
             * Format: int64
             * @description The smallest disk that can be installed on
             */
            minBytes: number;
            disks: components["schemas"]["InstallDisk"][];
        };
        InstallDisk: {
            /** @description Its id */
            disk: string;
            offered: boolean;
            /** @description Why it is not offered, for people */
            reason?: string;
        };
        Update: {
            /** @description This machine was started from a slot of a system disk that is there */
            possible: boolean;
            /** @description Why not, for people */
            reason?: string;
            /** @description The one that runs first */
            slots: components["schemas"]["UpdateSlot"][];
            writing?: components["schemas"]["UpdateWriting"];
            planned?: components["schemas"]["UpdatePlan"];
            trial?: components["schemas"]["UpdateTrial"];
            /** @description Newest first */
            history: components["schemas"]["UpdateOutcome"][];
        };
        UpdateSlot: {
            /** @enum {string} */
            id: "a" | "b";
            running: boolean;
            /**
             * @description `empty`: never tried
             * @enum {string}
             */
            state: "empty" | "trying" | "confirmed" | "bad" | "unknown";
            /** @description Absent: nothing that can be started is in it */
            version?: string;
            /** Format: int64 */
            builtMs?: number;
            kernel?: string;
            notes?: string;
            /**
             * @description To the one that runs
             * @enum {string}
             */
            relation?: "newer" | "same" | "older";
        };
        UpdateOffer: {
            id: string;
            version: string;
            /** Format: int64 */
            builtMs: number;
            kernel: string;
            /** @description Release notes, text */
            notes?: string;
            /**
             * Format: int64
             * @description Of system.img
             */
            bytes: number;
            /** @description From a USB disk: the file's name */
            file?: string;
            /**
             * @description To the one that runs. Older ones are refused
             * @enum {string}
             */
            relation: "newer" | "same";
            /** @description What to know before it is taken, for people */
            warning?: string;
        };
        UpdateWriting: {
            version: string;
            /** @enum {string} */
            status: "running" | "failed" | "done";
            percent: number;
            message?: string;
        };
        UpdateTry: {
            /** @description Of the other slot, sent back as a sign that this one is meant */
            version: string;
            /**
             * Format: int64
             * @description When; absent: now
             */
            atMs?: number;
            /** @description How long it may take until it is well; absent: 600 */
            withinSeconds?: number;
        };
        UpdatePlan: {
            version: string;
            /** Format: int64 */
            atMs: number;
            /** @description Who planned it */
            by: string;
        };
        UpdateTrial: {
            version: string;
            /** @description The version to which the machine returns */
            from: string;
            /**
             * Format: int64
             * @description When it does
             */
            endsMs: number;
            /** @description What is not well yet; absent: all is, and it is watched for a moment more */
            problem?: string;
        };
        UpdateOutcome: {
            /** Format: int64 */
            atMs: number;
            from: string;
            to: string;
            /**
             * @description `missed`: the machine was off when it was planned for
             * @enum {string}
             */
            result: "confirmed" | "returned" | "missed";
            /** @description Why it returned, for people */
            reason?: string;
            by?: string;
            /**
             * Format: int64
             * @description From the restart to the confirmation
             */
            tookMs?: number;
        };
        FormatRequest: {
            /** @description The disk's serial, typed or sent back as a sign that this disk is meant */
            confirmSerial: string;
            /** @description The volume's name; absent or empty: that of the one that it replaces, or one made for it */
            name?: string;
            /** @description Id of a volume that failed and whose disk is out, or is this one: the new volume gets its name and settings, and the cameras that were pinned to it */
            replaces?: string;
        };
        PowerRequest: {
            /** @enum {string} */
            action: "poweroff" | "reboot";
        };
        RestartRequest: {
            /** @description Kill it, without the time to end by itself: for a service that hangs */
            atOnce?: boolean;
        };
        Layout: {
            id: string;
            name: string;
            columns: number;
            rows: number;
            tiles: components["schemas"]["LayoutTile"][];
        };
        LayoutRequest: {
            /** @description Once among the user's, whatever the case of its letters */
            name: string;
            columns: number;
            rows: number;
            tiles: components["schemas"]["LayoutTile"][];
        };
        /** @description Covers cells of the grid that no other tile covers. */
        LayoutTile: {
            /** @description Of its upper left cell, counted from 0 */
            column: number;
            row: number;
            /** @description Cells that it covers */
            columns: number;
            rows: number;
            /**
             * @description What it shows
             * @enum {string}
             */
            kind: "camera";
            /** @description Of kind camera: its id. It may have been removed since. */
            camera?: string;
        };
        LiveOffer: {
            /** @enum {string} */
            type: "offer";
            /** @description An offer (RFC 8829) to receive one video and one audio track */
            sdp: string;
        };
        LiveMessage: {
            /** @enum {string} */
            type: "init" | "state" | "answer" | "refused" | "unplayable";
            mime?: string;
            sdp?: string;
            status?: string;
            reason?: string;
        };
    };
    responses: {
        /** @description Refused or failed */
        Error: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
    };
    parameters: {
        /** @description The camera's id */
        cameraId: string;
        /** @description The service's name */
        serviceName: string;
    };
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    getSetup: {
        parameters: {
            query?: {
                /** @description The connection is closed with the answer: for who wants to know whether a new one gets through, and still does next time */
                anew?: boolean;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The state of first set-up */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Setup"];
                };
            };
        };
    };
    postSetup: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SetupRequest"];
            };
        };
        responses: {
            /** @description Done and logged in */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    postReset: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ResetRequest"];
            };
        };
        responses: {
            /** @description Done and logged in */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    login: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["LoginRequest"];
            };
        };
        responses: {
            /** @description Logged in */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    logout: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Logged out */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    getSession: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The session */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    putPassword: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PasswordRequest"];
            };
        };
        responses: {
            /** @description Changed */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    listLogins: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The newest first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Login"][];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    listUsers: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description In order of name */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"][];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    addUser: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UserRequest"];
            };
        };
        responses: {
            /** @description Added */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    putUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A user name */
                user: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UserChange"];
            };
        };
        responses: {
            /** @description Changed */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    deleteUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description A user name */
                user: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Deleted */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    listAccountCopies: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One for each volume */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["IndexCopy"][];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    exportConfiguration: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ConfigurationExportRequest"];
            };
        };
        responses: {
            /** @description The file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                };
            };
            default: components["responses"]["Error"];
        };
    };
    importConfiguration: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ConfigurationImportRequest"];
            };
        };
        responses: {
            /** @description What the file changes */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConfigurationImport"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    listLayouts: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description In order of name */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Layout"][];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    addLayout: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["LayoutRequest"];
            };
        };
        responses: {
            /** @description Kept */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Layout"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    putLayout: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                layout: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["LayoutRequest"];
            };
        };
        responses: {
            /** @description Kept */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Layout"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    deleteLayout: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                layout: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Deleted */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    listCameras: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All cameras in order of name */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Camera"][];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    addCamera: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CameraRequest"];
            };
        };
        responses: {
            /** @description Added */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Camera"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    testCamera: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CameraTestRequest"];
            };
        };
        responses: {
            /** @description The camera answers with a usable stream */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CameraTest"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    listPastCameras: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description In order of name */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PastCamera"][];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getCamera: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The camera's id */
                camera: components["parameters"]["cameraId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One camera */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Camera"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    putCamera: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The camera's id */
                camera: components["parameters"]["cameraId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CameraRequest"];
            };
        };
        responses: {
            /** @description Changed */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Camera"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    deleteCamera: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The camera's id */
                camera: components["parameters"]["cameraId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Removed */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    live: {
        parameters: {
            query?: {
                /** @description The second stream is connected to when somebody watches it */
                stream?: "main" | "sub";
                /** @description Whether sound comes along where the camera has any */
                audio?: boolean;
                /** @description How pictures and sound come */
                media?: "mp4" | "webrtc" | "jpeg";
            };
            header?: never;
            path: {
                /** @description The camera's id */
                camera: components["parameters"]["cameraId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Switching to WebSocket */
            101: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    getTimeline: {
        parameters: {
            query: {
                fromMs: number;
                toMs: number;
            };
            header?: never;
            path: {
                /** @description The camera's id */
                camera: components["parameters"]["cameraId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Segments and gaps that overlap the range */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Timeline"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getHistory: {
        parameters: {
            query: {
                /** @description main when absent */
                stream?: components["schemas"]["StreamName"];
                fromMs: number;
                toMs: number;
            };
            header?: never;
            path: {
                /** @description The camera's id */
                camera: components["parameters"]["cameraId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The steps that overlap the range and were looked at */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["History"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getOverview: {
        parameters: {
            query: {
                fromMs: number;
                toMs: number;
                /** @description Time that one pixel covers; a ten-thousandth of the range at least */
                resolutionMs: number;
            };
            header?: never;
            path: {
                /** @description The camera's id */
                camera: components["parameters"]["cameraId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Spans and gaps that overlap the range */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Overview"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getDays: {
        parameters: {
            query: {
                fromMs: number;
                toMs: number;
            };
            header?: never;
            path: {
                /** @description The camera's id */
                camera: components["parameters"]["cameraId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description In order; days without footage are absent */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FootageDay"][];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getCoverage: {
        parameters: {
            query: {
                fromMs: number;
                toMs: number;
            };
            header?: never;
            path: {
                /** @description The camera's id */
                camera: components["parameters"]["cameraId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The ledger of this camera */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Coverage"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    listCoverage: {
        parameters: {
            query: {
                fromMs: number;
                toMs: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description In order of the cameras' names */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Coverage"][];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    listTriggers: {
        parameters: {
            query: {
                fromMs: number;
                toMs: number;
            };
            header?: never;
            path: {
                /** @description The camera's id */
                camera: components["parameters"]["cameraId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description In order of time */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Trigger"][];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    addTrigger: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The camera's id */
                camera: components["parameters"]["cameraId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TriggerRequest"];
            };
        };
        responses: {
            /** @description Whether it is recorded */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TriggerAnswer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    forceRecording: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The camera's id */
                camera: components["parameters"]["cameraId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ForcedRequest"];
            };
        };
        responses: {
            /** @description It is being recorded */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    stopForcedRecording: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The camera's id */
                camera: components["parameters"]["cameraId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description No forced recording runs */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    getMedia: {
        parameters: {
            query: {
                fromMs: number;
                durationMs?: number;
                stream?: string;
                /** @description mjpeg: every picture decoded by the appliance and made a JPEG of at most 1280 × 720, in MP4 as Motion JPEG is (503 `too_many_decoders` when too many want that, 501 `no_decoder` where it cannot) */
                format?: "mp4" | "mjpeg";
            };
            header?: never;
            path: {
                /** @description The camera's id */
                camera: components["parameters"]["cameraId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Initialisation segment and fragments */
            200: {
                headers: {
                    /** @description For MediaSource.addSourceBuffer */
                    "Vigie-Mime"?: string;
                    /** @description Instant of the first frame */
                    "Vigie-Start-Ms"?: number;
                    /** @description End of the last frame; ask for it next */
                    "Vigie-End-Ms"?: number;
                    /** @description Where footage goes on after the end; absent when there is none yet */
                    "Vigie-Next-Ms"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "video/mp4": string;
                };
            };
            404: components["responses"]["Error"];
            default: components["responses"]["Error"];
        };
    };
    getKeyframe: {
        parameters: {
            query: {
                /** @description UTC; a keyframe within this millisecond counts */
                atMs: number;
                stream?: string;
                skip?: number;
                /** @description annexb: H.264 or H.265 with start codes, parameter sets first; jpeg: a picture decoded by the appliance, which takes it some time (503 `too_many_decoders` when too many want that, 501 `no_decoder` where it cannot) */
                format?: "mp4" | "annexb" | "jpeg";
                /** @description For jpeg: the picture is made smaller to be at most so wide */
                width?: number;
            };
            header?: never;
            path: {
                /** @description The camera's id */
                camera: components["parameters"]["cameraId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Initialisation segment and one fragment of one frame, or what the format says */
            200: {
                headers: {
                    /** @description Type with codecs of MP4 */
                    "Vigie-Mime"?: string;
                    /** @description Instant of the keyframe */
                    "Vigie-Start-Ms"?: number;
                    /** @description Where the next one follows or the file ends */
                    "Vigie-End-Ms"?: number;
                    /** @description How many keyframes were really passed */
                    "Vigie-Skipped"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "video/mp4": string;
                    "image/jpeg": string;
                    "application/octet-stream": string;
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getSegmentFile: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                segment: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "video/x-matroska": string;
                };
            };
            default: components["responses"]["Error"];
        };
    };
    listCalendars: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Built-in ones first, then in order of name */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Calendar"][];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    addCalendar: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CalendarRequest"];
            };
        };
        responses: {
            /** @description Added */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Calendar"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    putCalendar: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The calendar's id */
                calendar: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CalendarRequest"];
            };
        };
        responses: {
            /** @description Changed */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Calendar"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    deleteCalendar: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The calendar's id */
                calendar: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Deleted */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    getHolidays: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description In order of date */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Holiday"][];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    putHolidays: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Holiday"][];
            };
        };
        responses: {
            /** @description In order of date */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Holiday"][];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getRelay: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Settings and how it is */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Relay"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    putRelay: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RelaySettings"];
            };
        };
        responses: {
            /** @description Settings and how it is */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Relay"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    listRelayAccounts: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description In order of name */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RelayAccount"][];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    addRelayAccount: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RelayAccountRequest"];
            };
        };
        responses: {
            /** @description Added */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RelayAccountSecret"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    putRelayAccount: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The account's id */
                account: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RelayAccountRequest"];
            };
        };
        responses: {
            /** @description Changed */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RelayAccount"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    deleteRelayAccount: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The account's id */
                account: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Deleted */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    renewRelayPassword: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The account's id */
                account: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The new password */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RelayAccountSecret"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    listRelayReaders: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Oldest first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RelayReader"][];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    deleteRelayReader: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The reader's id */
                reader: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Let go */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    getRecording: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Volumes, index copies, totals */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Recording"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    putRecordingVolume: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                volume: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RecordingVolumeRequest"];
            };
        };
        responses: {
            /** @description Set */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    listUsage: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description In order of name */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CameraUsage"][];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getRepair: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The repair */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Repair"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    repairDatabase: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RepairRequest"];
            };
        };
        responses: {
            /** @description Begun */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Repair"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    listProtections: {
        parameters: {
            query?: {
                /** @description Only those of this camera */
                camera?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description In order of their ranges */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Protection"][];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    addProtection: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ProtectionRequest"];
            };
        };
        responses: {
            /** @description Protected */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Protection"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    putProtection: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                protection: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ProtectionChange"];
            };
        };
        responses: {
            /** @description Changed */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Protection"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    deleteProtection: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                protection: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Lifted */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    listDeletions: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The newest first, 200 at most */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Deletion"][];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    addDeletion: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DeletionConfirmation"];
            };
        };
        responses: {
            /** @description Begun */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Deletion"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    planDeletion: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DeletionRequest"];
            };
        };
        responses: {
            /** @description The amount */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeletionPlan"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    stopDeletion: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                deletion: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Stopped */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    listExports: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All exports, the newest first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Export"][];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    addExport: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ExportRequest"];
            };
        };
        responses: {
            /** @description Made */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Export"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getSigningKey: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The key */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SigningKey"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getVerifyPage: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getExport: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                export: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The export */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Export"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    deleteExport: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                export: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Removed */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    getExportFile: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                export: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The export */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "video/x-matroska": string;
                    "video/mp4": string;
                    "application/zip": string;
                };
            };
            /** @description The part that was asked for */
            206: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "video/x-matroska": string;
                    "video/mp4": string;
                    "application/zip": string;
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getStatus: {
        parameters: {
            query?: {
                /** @description Wait (30 s at most) until the revision differs from this one */
                after?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The state */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Status"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    putClock: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ClockRequest"];
            };
        };
        responses: {
            /** @description Set */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    getClockHistory: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The history */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ClockHistory"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getTimeServer: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The NTP server */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TimeServer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    putTimeServer: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TimeServerSettings"];
            };
        };
        responses: {
            /** @description Set */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    getNetwork: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The settings */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Network"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    putNetwork: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NetworkRequest"];
            };
        };
        responses: {
            /** @description What the change does, or would do */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Plan"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    confirmNetwork: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Kept */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    rollBackNetwork: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description As it was */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    getFirewall: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The firewall as it is */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Firewall"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    putFirewall: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["FirewallRequest"];
            };
        };
        responses: {
            /** @description What the change does, or would do */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Plan"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    confirmFirewall: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Kept */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    rollBackFirewall: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description As it was */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    putRelayPorts: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RelayPorts"];
            };
        };
        responses: {
            /** @description The rules are in force */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    listConfigurationCopies: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One for each mounted volume */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConfigurationCopy"][];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    putWebPort: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WebPortRequest"];
            };
        };
        responses: {
            /** @description What the change does, or would do */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Plan"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    confirmWebPort: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Kept */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    rollBackWebPort: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description As it was */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    getBandwidth: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One entry an interface */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Bandwidth"][];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    putBandwidth: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BandwidthLimit"][];
            };
        };
        responses: {
            /** @description The limits are in force */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    getSSH: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The settings */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SSH"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    putSSH: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SSHSettings"];
            };
        };
        responses: {
            /** @description Set */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    addSSHKey: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SSHKeyRequest"];
            };
        };
        responses: {
            /** @description Added */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SSHKey"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    deleteSSHKey: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The key's id */
                key: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Taken away */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    allowShell: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SSHShellRequest"];
            };
        };
        responses: {
            /** @description Permitted */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    endShell: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Ended */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    getSSHSessions: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description As it is */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SSHSessions"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    formatDisk: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The disk's id */
                disk: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["FormatRequest"];
            };
        };
        responses: {
            /** @description Started */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    changeVolume: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The volume's id */
                volume: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["VolumeChange"];
            };
        };
        responses: {
            /** @description Started, or done */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    getVolumeReport: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The volume's id */
                volume: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The report */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["VolumeReport"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getDiskHealth: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a disk, or of a drive behind a RAID card */
                disk: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Health and history */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DiskReport"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    testDisk: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a disk, or of a drive behind a RAID card */
                disk: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SelfTestRequest"];
            };
        };
        responses: {
            /** @description Started or stopped */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    createArray: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ArrayRequest"];
            };
        };
        responses: {
            /** @description Started */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    planArray: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ArrayPlanRequest"];
            };
        };
        responses: {
            /** @description The plan */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ArrayPlan"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    putRecordingLag: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RecordingLag"];
            };
        };
        responses: {
            /** @description Noted */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    changeArray: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The array's id */
                array: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ArrayChange"];
            };
        };
        responses: {
            /** @description Started */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    getDiskEvents: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Events */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DiskEvent"][];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    installOnDisk: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The disk's id */
                disk: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["InstallRequest"];
            };
        };
        responses: {
            /** @description Started */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    getInstallation: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The installation */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Installation"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getUpdate: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The state of updates */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Update"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    offerUpdate: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/octet-stream": string;
            };
        };
        responses: {
            /** @description What it is. Nothing has been changed */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UpdateOffer"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    findUpdate: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The medium's id */
                medium: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Those that this machine can take, newest first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UpdateOffer"][];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    sendUpdate: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The offer's id */
                offer: string;
            };
            cookie?: never;
        };
        /** @description The whole of system.img */
        requestBody: {
            content: {
                "application/octet-stream": string;
            };
        };
        responses: {
            /** @description Written */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    copyUpdate: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of an offer from a USB disk */
                offer: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Started */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    tryUpdate: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpdateTry"];
            };
        };
        responses: {
            /** @description Planned, or begun: the machine restarts */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    cancelUpdate: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Nothing is planned any more */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    mountMedium: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The medium's id */
                medium: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Mounted */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    ejectMedium: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The medium's id */
                medium: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Ejected */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    getHosts: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The hosts */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HostWatch"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    putHosts: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["HostWatchRequest"];
            };
        };
        responses: {
            /** @description Set */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    getHostHistory: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description As in the list */
                address: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The history */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HostHistory"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    postPower: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PowerRequest"];
            };
        };
        responses: {
            /** @description On its way */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    factoryReset: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["FactoryReset"];
            };
        };
        responses: {
            /** @description It is reset and restarts */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    restartService: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The service's name */
                service: components["parameters"]["serviceName"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["RestartRequest"];
            };
        };
        responses: {
            /** @description Restarting */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    stopService: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The service's name */
                service: components["parameters"]["serviceName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Stopping */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    startService: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The service's name */
                service: components["parameters"]["serviceName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Starting */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    getServiceLog: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The service's name */
                service: components["parameters"]["serviceName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Oldest first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ServiceLog"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
}
