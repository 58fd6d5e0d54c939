/* The ordinary course of a G.711 leg: the next packet in time in, 20 ms of sound at 16 kHz out.
 *
 * A lane holds what the jitter buffer and the receiver of one leg know, in one piece of memory, for as long as
 * nothing happens but the next packet, on time, from a settled peer. Anything else it refuses and leaves as it
 * is: then `disarm` gives everything back and the Python classes deal with it, as they always do where this
 * module has not been built. So no rule about loss, lateness, other streams or keys stands here.
 * `hotline/gateway/lane.py` says what is lent and given back; scripts/compile_media.py builds it.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { FRAME = 160, TAIL = 24, HEADER = 12, RATE = 8000, RING = 16, PAST = 8, SLACKS = 128, LARGEST = 2049 };

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define FAST __attribute__((target_clones("avx2", "default")))
#else
#define FAST
#endif

static float decoded[2][256]; /* A-law, µ-law → linear */
static uint8_t loud[2][256];  /* codes that are no pause */
static float taps[TAIL];      /* of the half-band filter's phase that is not a plain delay */

static PyTypeObject *frame_type; /* AudioFrame */

typedef struct {
    PyObject_HEAD
    int file, armed, law, kind, wanted, waits, slack_count, head, count, past_count;
    uint32_t ssrc, last_timestamp;
    long long highest, highest_time, expected, next_time, played_to, received;
    double zero, transit, interarrival, window_end, most_slack, heard;
    int slacks[SLACKS];
    PyObject *ring[RING]; /* payloads from `expected` on, each FRAME long */
    PyObject *past[PAST]; /* frames given since `arm`, the latest at (past_count - 1) % PAST */
    PyObject *frame;      /* the frame given last, or the one before `arm` */
} Lane;

static PyTypeObject LaneType;

static void let_go(Lane *lane) {
    for (int i = 0; i < lane->count; i++) Py_CLEAR(lane->ring[(lane->head + i) % RING]);
    for (int i = 0; i < PAST; i++) Py_CLEAR(lane->past[i]);
    lane->head = lane->count = lane->past_count = lane->slack_count = 0;
    lane->armed = 0;
}

static void lane_dealloc(Lane *lane) {
    let_go(lane);
    Py_CLEAR(lane->frame);
    Py_TYPE(lane)->tp_free((PyObject *)lane);
}

static int lane_init(Lane *lane, PyObject *args, PyObject *keywords) {
    (void)keywords;
    return PyArg_ParseTuple(args, "i", &lane->file) ? 0 : -1;
}

static int whole(PyObject *bytes) { return PyBytes_Check(bytes) && PyBytes_GET_SIZE(bytes) == FRAME; }

PyDoc_STRVAR(arm_doc, "arm((law, kind, ssrc, jitter, waiting, frame, wanted, waits)): take over.\n\n"
    "jitter: (highest, highest_time, last_timestamp, expected, next_time, played_to, zero, transit,\n"
    "interarrival, window_end, most_slack). Raises ValueError for what a lane cannot hold.");
static PyObject *lane_arm(Lane *lane, PyObject *args) {
    if (!PyTuple_Check(args)) return PyErr_Format(PyExc_TypeError, "a tuple expected");
    PyObject *waiting, *frame;
    int law, kind, wanted, waits;
    unsigned int ssrc, last;
    long long highest, highest_time, expected, next_time, played_to;
    double zero, transit, interarrival, window_end, most_slack;
    if (!PyArg_ParseTuple(args, "iiI(LLILLLddddd)O!Sii", &law, &kind, &ssrc, &highest, &highest_time, &last,
            &expected, &next_time, &played_to, &zero, &transit, &interarrival, &window_end, &most_slack,
            &PyTuple_Type, &waiting, &frame, &wanted, &waits)) return NULL;
    Py_ssize_t count = PyTuple_GET_SIZE(waiting);
    int fits = !lane->armed && count < RING && whole(frame) && (law == 0 || law == 1);
    for (Py_ssize_t i = 0; fits && i < count; i++) fits = whole(PyTuple_GET_ITEM(waiting, i));
    if (!fits) {
        PyErr_SetString(PyExc_ValueError, "not what a lane can hold");
        return NULL;
    }
    let_go(lane);
    for (Py_ssize_t i = 0; i < count; i++) lane->ring[i] = Py_NewRef(PyTuple_GET_ITEM(waiting, i));
    Py_XSETREF(lane->frame, Py_NewRef(frame));
    lane->law = law, lane->kind = kind, lane->ssrc = ssrc, lane->last_timestamp = last;
    lane->highest = highest, lane->highest_time = highest_time, lane->expected = expected;
    lane->next_time = next_time, lane->played_to = played_to, lane->zero = zero, lane->transit = transit;
    lane->interarrival = interarrival, lane->window_end = window_end, lane->most_slack = most_slack;
    lane->wanted = wanted, lane->waits = waits, lane->count = (int)count;
    lane->received = 0, lane->heard = 0.0, lane->armed = 1;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(disarm_doc, "disarm(): give everything back.\n\n"
    "(jitter as in arm without most_slack, waiting, frames given, slacks, waits, received, heard).");
static PyObject *lane_disarm(Lane *lane, PyObject *unused) {
    (void)unused;
    int kept = lane->past_count < PAST ? lane->past_count : PAST;
    PyObject *waiting = PyTuple_New(lane->count), *frames = PyTuple_New(kept);
    PyObject *slacks = PyTuple_New(lane->slack_count), *result = NULL;
    if (waiting == NULL || frames == NULL || slacks == NULL) goto out;
    for (int i = 0; i < lane->count; i++)
        PyTuple_SET_ITEM(waiting, i, Py_NewRef(lane->ring[(lane->head + i) % RING]));
    for (int i = 0; i < kept; i++)
        PyTuple_SET_ITEM(frames, i, Py_NewRef(lane->past[(lane->past_count - kept + i) % PAST]));
    for (int i = 0; i < lane->slack_count; i++) {
        PyObject *slack = PyLong_FromLong(lane->slacks[i]);
        if (slack == NULL) goto out;
        PyTuple_SET_ITEM(slacks, i, slack);
    }
    result = Py_BuildValue("(LLILLLdddd)OOOiLd", lane->highest, lane->highest_time, lane->last_timestamp,
        lane->expected, lane->next_time, lane->played_to, lane->zero, lane->transit, lane->interarrival,
        lane->window_end, waiting, frames, slacks, lane->waits, lane->received, lane->heard);
    if (result != NULL) let_go(lane);
out:
    Py_XDECREF(waiting);
    Py_XDECREF(frames);
    Py_XDECREF(slacks);
    return result;
}

static uint32_t big32(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Take a datagram: 1 when it was the next packet, in time; 0 when it is for others to judge; -1 no memory. */
static int push(Lane *lane, const uint8_t *data, ssize_t size, double now) {
    if (size != HEADER + FRAME || data[0] != 0x80 || data[1] != lane->kind) return 0;
    uint32_t timestamp = big32(data + 4);
    uint16_t sequence = (uint16_t)(data[2] << 8 | data[3]);
    if (big32(data + 8) != lane->ssrc || sequence != (uint16_t)(lane->highest + 1) ||
        timestamp != lane->last_timestamp + FRAME || now >= lane->window_end ||
        lane->count == RING || lane->slack_count == SLACKS) return 0;
    long long time = lane->highest_time + FRAME;
    double slack = (double)time - rint((now - lane->zero) * RATE);
    if (!(slack >= 0 && slack <= lane->most_slack) || time <= lane->played_to) return 0;
    PyObject *payload = PyBytes_FromStringAndSize((const char *)data + HEADER, FRAME);
    if (payload == NULL) return -1;
    double transit = now * RATE - (double)time; /* RFC 3550 A.8 */
    lane->interarrival += (fabs(transit - lane->transit) - lane->interarrival) / 16;
    lane->transit = transit;
    lane->highest += 1, lane->highest_time = time, lane->last_timestamp = timestamp;
    lane->slacks[lane->slack_count++] = (int)slack;
    lane->ring[(lane->head + lane->count++) % RING] = payload;
    lane->received += 1, lane->heard = now;
    return 1;
}

/* One 20 ms frame from 8 to 16 kHz, as `hotline.gateway.resample.upsample_frames` does it for many. */
FAST static void upsample(const float *restrict sound, int16_t *restrict out) {
    float between[FRAME] = {0};
    for (int tap = 0; tap < TAIL; tap++)
        for (int i = 0; i < FRAME; i++) between[i] += taps[tap] * sound[1 + tap + i];
    for (int i = 0; i < FRAME; i++) {
        float value = between[i] > 32767.0f ? 32767.0f : between[i] < -32768.0f ? -32768.0f : between[i];
        value += 12582912.0f; /* 1.5 * 2^23: the mantissa then holds the value rounded to even */
        int32_t bits;
        memcpy(&bits, &value, sizeof bits);
        out[2 * i + 1] = (int16_t)(bits - 0x4B400000);
        out[2 * i] = (int16_t)sound[TAIL / 2 + i];
    }
}

/* Whether the frame given last was a pause, or the wait for one has been long: then delay may be shed. */
static int may_shed(Lane *lane, int patience) {
    const uint8_t *codes = (const uint8_t *)PyBytes_AS_STRING(lane->frame);
    int noise = 0;
    if (lane->waits + 1 >= patience) return 1;
    for (int i = 0; i < FRAME; i++) noise |= loud[lane->law][codes[i]];
    return !noise;
}

PyDoc_STRVAR(tick_doc, "tick(now, patience): the 20 ms due as (16 kHz s16le, G.711), or None and nothing changed\n"
    "when anything but just one packet is due.");
static PyObject *lane_tick(Lane *lane, PyObject *const *args, Py_ssize_t count) {
    if (count != 2) return PyErr_Format(PyExc_TypeError, "tick takes two arguments");
    double now = PyFloat_AsDouble(args[0]);
    long patience = PyLong_AsLong(args[1]);
    if (PyErr_Occurred()) return NULL;
    if (!lane->armed || lane->count == 0) Py_RETURN_NONE;
    double position = rint((now - lane->zero) * RATE);
    if (!((double)lane->next_time <= position)) Py_RETURN_NONE;
    if (lane->count > 1 && (double)(lane->next_time + FRAME) <= position) Py_RETURN_NONE;
    if (lane->wanted && may_shed(lane, (int)patience)) Py_RETURN_NONE;
    PyObject *payload = lane->ring[lane->head];
    PyObject *pcm = PyBytes_FromStringAndSize(NULL, 4 * FRAME);
    PyObject *result = pcm == NULL ? NULL : PyTuple_Pack(2, pcm, payload);
    if (result == NULL) {
        Py_XDECREF(pcm);
        return NULL;
    }
    float sound[TAIL + FRAME];
    const uint8_t *before = (const uint8_t *)PyBytes_AS_STRING(lane->frame) + FRAME - TAIL;
    const uint8_t *fresh = (const uint8_t *)PyBytes_AS_STRING(payload);
    for (int i = 0; i < TAIL; i++) sound[i] = decoded[lane->law][before[i]];
    for (int i = 0; i < FRAME; i++) sound[TAIL + i] = decoded[lane->law][fresh[i]];
    int16_t out[2 * FRAME];
    upsample(sound, out);
    memcpy(PyBytes_AS_STRING(pcm), out, sizeof out); /* little endian, as all machines this is built for */
    Py_DECREF(pcm);
    if (lane->wanted) lane->waits += 1;
    if (position > (double)lane->played_to) lane->played_to = (long long)position;
    lane->ring[lane->head] = NULL;
    lane->head = (lane->head + 1) % RING, lane->count -= 1;
    lane->expected += 1, lane->next_time += FRAME;
    Py_XSETREF(lane->frame, Py_NewRef(payload));
    Py_XSETREF(lane->past[lane->past_count % PAST], payload); /* the ring's reference */
    if (++lane->past_count == 2 * PAST) lane->past_count = PAST;
    return result;
}

PyDoc_STRVAR(send_doc, "send(datagram): to the settled peer; False when the system would not take it.");
static PyObject *lane_send(Lane *lane, PyObject *data) {
    if (!PyBytes_Check(data)) return PyErr_Format(PyExc_TypeError, "bytes expected");
    /* The lock is kept: the call never waits, and giving the lock away would cost more. */
    ssize_t sent = send(lane->file, PyBytes_AS_STRING(data), (size_t)PyBytes_GET_SIZE(data), MSG_DONTWAIT);
    return PyBool_FromLong(sent >= 0);
}

PyDoc_STRVAR(receive_doc, "receive(epoll, lanes, now): one datagram of each socket that is ready.\n\n"
    "lanes: by file descriptor, None where there is no lane. Returns how many sockets were ready, and what is\n"
    "for others to do: (file, datagram) of an armed lane that refused it, (file, None) of a socket not read.");
static PyObject *receive(PyObject *module, PyObject *args) {
    (void)module;
    static struct epoll_event events[4096]; /* used with the lock held, and not after this returns */
    uint8_t data[LARGEST];
    int poll;
    PyObject *lanes;
    double now;
    if (!PyArg_ParseTuple(args, "iO!d", &poll, &PyList_Type, &lanes, &now)) return NULL;
    int ready = epoll_wait(poll, events, sizeof events / sizeof *events, 0);
    if (ready < 0) return errno == EINTR ? Py_BuildValue("i[]", 0) : PyErr_SetFromErrno(PyExc_OSError);
    PyObject *odd = PyList_New(0);
    if (odd == NULL) return NULL;
    for (int i = 0; i < ready; i++) {
        int file = events[i].data.fd, taken = 0;
        PyObject *item = file < PyList_GET_SIZE(lanes) ? PyList_GET_ITEM(lanes, file) : Py_None;
        PyObject *left = NULL;
        if (Py_IS_TYPE(item, &LaneType) && ((Lane *)item)->armed) {
            ssize_t size = recv(file, data, sizeof data, MSG_DONTWAIT);
            if (size < 0) continue; /* none after all, or word that the peer's port is closed */
            taken = push((Lane *)item, data, size, now);
            if (taken == 0) left = Py_BuildValue("iy#", file, (const char *)data, (Py_ssize_t)size);
        } else {
            left = Py_BuildValue("iO", file, Py_None);
        }
        if (taken == 1) continue;
        if (left == NULL || PyList_Append(odd, left) < 0) {
            Py_XDECREF(left);
            Py_DECREF(odd);
            return taken < 0 ? PyErr_NoMemory() : NULL;
        }
        Py_DECREF(left);
    }
    return Py_BuildValue("iN", ready, odd);
}

PyDoc_STRVAR(frame_doc, "frame(leg, start, pcm, lost, coded, law): an AudioFrame.");
static PyObject *frame(PyObject *module, PyObject *const *args, Py_ssize_t count) {
    (void)module;
    if (frame_type == NULL || count != 6) return PyErr_Format(PyExc_TypeError, "frame takes six arguments");
    PyObject *made = frame_type->tp_alloc(frame_type, count); /* as tuple.__new__ makes one of a subclass */
    for (Py_ssize_t i = 0; made != NULL && i < count; i++) PyTuple_SET_ITEM(made, i, Py_NewRef(args[i]));
    return made;
}

PyDoc_STRVAR(frames_doc, "frames(type): what `frame` makes, a class of named tuples with six fields. Once.");
static PyObject *frames(PyObject *module, PyObject *type) {
    (void)module;
    if (!PyType_Check(type) || !PyType_IsSubtype((PyTypeObject *)type, &PyTuple_Type))
        return PyErr_Format(PyExc_TypeError, "a class of tuples expected");
    Py_XSETREF(frame_type, (PyTypeObject *)Py_NewRef(type));
    Py_RETURN_NONE;
}

PyDoc_STRVAR(tables_doc, "tables(a_law, mu_law, loud_a, loud_mu, taps): 256 float32 a law, 256 flags a law of the\n"
    "codes that are no pause, 24 float32. Once, before any lane is armed.");
static PyObject *tables(PyObject *module, PyObject *args) {
    (void)module;
    Py_buffer from[5];
    if (!PyArg_ParseTuple(args, "y*y*y*y*y*", &from[0], &from[1], &from[2], &from[3], &from[4])) return NULL;
    void *to[5] = {decoded[0], decoded[1], loud[0], loud[1], taps};
    size_t sizes[5] = {sizeof decoded[0], sizeof decoded[1], 256, 256, sizeof taps};
    int fits = 1;
    for (int i = 0; i < 5; i++) fits = fits && (size_t)from[i].len == sizes[i];
    for (int i = 0; i < 5; i++) {
        if (fits) memcpy(to[i], from[i].buf, sizes[i]);
        PyBuffer_Release(&from[i]);
    }
    if (!fits) return PyErr_Format(PyExc_ValueError, "tables of other sizes");
    Py_RETURN_NONE;
}

static PyMethodDef lane_methods[] = {
    {"arm", (PyCFunction)lane_arm, METH_O, arm_doc},
    {"disarm", (PyCFunction)lane_disarm, METH_NOARGS, disarm_doc},
    {"tick", (PyCFunction)(void (*)(void))lane_tick, METH_FASTCALL, tick_doc},
    {"send", (PyCFunction)lane_send, METH_O, send_doc},
    {NULL, NULL, 0, NULL},
};
static PyMemberDef lane_members[] = {
    {"armed", T_INT, offsetof(Lane, armed), READONLY, "whether it holds a leg's state"},
    {"received", T_LONGLONG, offsetof(Lane, received), READONLY, "packets since it was armed"},
    {NULL, 0, 0, 0, NULL},
};
static PyTypeObject LaneType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "hotline.gateway._lane.Lane",
    .tp_basicsize = sizeof(Lane),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "Lane(file): the ordinary course of one leg, whose connected socket `file` is.",
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)lane_init,
    .tp_dealloc = (destructor)lane_dealloc,
    .tp_methods = lane_methods,
    .tp_members = lane_members,
};
static PyMethodDef functions[] = {
    {"receive", receive, METH_VARARGS, receive_doc},
    {"frame", (PyCFunction)(void (*)(void))frame, METH_FASTCALL, frame_doc},
    {"frames", frames, METH_O, frames_doc},
    {"tables", tables, METH_VARARGS, tables_doc},
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_lane", "The ordinary course of a G.711 leg.", -1, functions, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__lane(void) {
    if (PyType_Ready(&LaneType) < 0) return NULL;
    PyObject *module = PyModule_Create(&definition);
    if (module != NULL && PyModule_AddObjectRef(module, "Lane", (PyObject *)&LaneType) < 0) Py_CLEAR(module);
    return module;
}
