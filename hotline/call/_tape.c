/* What recording does for every packet: frames in, the companded sound of those that go on with what was before
 * kept side by side; and two such tracks as linear stereo. `hotline/call/tape.py` does the same in Python where
 * this module has not been built (scripts/compile_media.py builds it). All of it runs with the interpreter's
 * lock held: so the thread that pushes and the one that takes need no other.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>
#include <stdint.h>
#include <string.h>

enum { START = 1, PCM = 2, CODED = 4, LAW = 5, FIELDS = 6, STEP = 4096 };

static int16_t linear[2][256]; /* A-law, µ-law → linear */

typedef struct {
    PyObject_HEAD
    char taking;
    long long most, waiting, next, dropped; /* samples at 16 kHz, but for the last: frames */
    PyObject *items; /* a list of frames and of runs that have ended; NULL when there are none */
    PyObject *law;   /* of the frame that came last */
    char *run;       /* companded sound that follows on the last item */
    Py_ssize_t size, room;
} Inlet;

static void inlet_dealloc(Inlet *inlet) {
    Py_CLEAR(inlet->items);
    Py_CLEAR(inlet->law);
    PyMem_Free(inlet->run);
    Py_TYPE(inlet)->tp_free((PyObject *)inlet);
}

static int inlet_init(Inlet *inlet, PyObject *args, PyObject *keywords) {
    (void)keywords;
    inlet->next = -1;
    return PyArg_ParseTuple(args, "L", &inlet->most) ? 0 : -1;
}

/* Put the run into the list, as bytes: -1 when there is no memory. */
static int end_run(Inlet *inlet) {
    if (inlet->items == NULL && (inlet->items = PyList_New(0)) == NULL) return -1;
    if (inlet->size == 0) return 0;
    PyObject *sound = PyBytes_FromStringAndSize(inlet->run, inlet->size);
    int done = sound == NULL ? -1 : PyList_Append(inlet->items, sound);
    Py_XDECREF(sound);
    if (done == 0) inlet->size = 0;
    return done;
}

static int go_on(Inlet *inlet, PyObject *coded) {
    Py_ssize_t size = PyBytes_GET_SIZE(coded), wanted = inlet->size + size;
    if (wanted > inlet->room) { /* kept from now on: the next second has as much */
        Py_ssize_t room = (wanted + STEP - 1) / STEP * STEP;
        char *larger = PyMem_Realloc(inlet->run, (size_t)room);
        if (larger == NULL) return -1;
        inlet->run = larger, inlet->room = room;
    }
    memcpy(inlet->run + inlet->size, PyBytes_AS_STRING(coded), (size_t)size);
    inlet->size = wanted;
    return 0;
}

PyDoc_STRVAR(push_doc, "push(frame): never waits; when full, the frame is dropped.");
static PyObject *inlet_push(Inlet *inlet, PyObject *frame) {
    if (!inlet->taking) Py_RETURN_NONE;
    if (!PyTuple_Check(frame) || PyTuple_GET_SIZE(frame) != FIELDS)
        return PyErr_Format(PyExc_TypeError, "a frame expected");
    PyObject *pcm = PyTuple_GET_ITEM(frame, PCM), *coded = PyTuple_GET_ITEM(frame, CODED);
    PyObject *law = PyTuple_GET_ITEM(frame, LAW);
    if (!PyBytes_Check(pcm)) return PyErr_Format(PyExc_TypeError, "a frame expected");
    long long start = PyLong_AsLongLong(PyTuple_GET_ITEM(frame, START)), samples = PyBytes_GET_SIZE(pcm) / 2;
    if (start == -1 && PyErr_Occurred()) return NULL;
    if (inlet->waiting >= inlet->most) {
        inlet->dropped += 1;
        inlet->next = -1;
        Py_RETURN_NONE;
    }
    int same = law == inlet->law;
    if (!same && inlet->law != NULL && (same = PyObject_RichCompareBool(law, inlet->law, Py_EQ)) < 0) return NULL;
    if (start == inlet->next && same && PyBytes_Check(coded) && PyBytes_GET_SIZE(coded) > 0) {
        if (go_on(inlet, coded) < 0) return PyErr_NoMemory();
    } else {
        if (end_run(inlet) < 0 || PyList_Append(inlet->items, frame) < 0) return NULL;
        Py_XSETREF(inlet->law, Py_NewRef(law));
    }
    inlet->waiting += samples;
    inlet->next = start + samples;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(take_doc, "take(): a list of what has come: frames, and companded sound that follows on them.");
static PyObject *inlet_take(Inlet *inlet, PyObject *unused) {
    (void)unused;
    if (end_run(inlet) < 0) return NULL;
    PyObject *items = inlet->items;
    inlet->items = NULL, inlet->waiting = 0;
    return items;
}

PyDoc_STRVAR(stereo_doc, "stereo(left, left_mu, right, right_mu): two companded tracks as s16le side by side.\n\n"
    "Raises ValueError when one is longer.");
static PyObject *stereo(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *left, *right;
    int left_mu, right_mu;
    if (!PyArg_ParseTuple(args, "SpSp", &left, &left_mu, &right, &right_mu)) return NULL;
    Py_ssize_t count = PyBytes_GET_SIZE(left);
    if (PyBytes_GET_SIZE(right) != count) return PyErr_Format(PyExc_ValueError, "tracks of two lengths");
    if (count > PY_SSIZE_T_MAX / 4) return PyErr_NoMemory();
    PyObject *result = PyBytes_FromStringAndSize(NULL, 4 * count);
    if (result == NULL) return NULL;
    const uint8_t *a = (const uint8_t *)PyBytes_AS_STRING(left), *b = (const uint8_t *)PyBytes_AS_STRING(right);
    char *out = PyBytes_AS_STRING(result);
    for (Py_ssize_t i = 0; i < count; i++) { /* little endian, as all machines this is built for */
        uint32_t both = (uint16_t)linear[left_mu][a[i]] | (uint32_t)(uint16_t)linear[right_mu][b[i]] << 16;
        memcpy(out + 4 * i, &both, sizeof both);
    }
    return result;
}

PyDoc_STRVAR(tables_doc, "tables(a_law, mu_law): 256 int16 each. Once, before anything else.");
static PyObject *tables(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *from[2];
    if (!PyArg_ParseTuple(args, "SS", &from[0], &from[1])) return NULL;
    for (int law = 0; law < 2; law++) {
        if (PyBytes_GET_SIZE(from[law]) != sizeof linear[law])
            return PyErr_Format(PyExc_ValueError, "tables of other sizes");
        memcpy(linear[law], PyBytes_AS_STRING(from[law]), sizeof linear[law]);
    }
    Py_RETURN_NONE;
}

static PyMethodDef inlet_methods[] = {
    {"push", (PyCFunction)inlet_push, METH_O, push_doc},
    {"take", (PyCFunction)inlet_take, METH_NOARGS, take_doc},
    {NULL, NULL, 0, NULL},
};
static PyMemberDef inlet_members[] = {
    {"taking", T_BOOL, offsetof(Inlet, taking), 0, "whether anything is kept"},
    {"dropped", T_LONGLONG, offsetof(Inlet, dropped), READONLY, "frames there was no room for"},
    {NULL, 0, 0, 0, NULL},
};
static PyTypeObject InletType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "hotline.call._tape.Inlet",
    .tp_basicsize = sizeof(Inlet),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "Inlet(most): one side's frames on their way to the disk, at most so many samples at 16 kHz.",
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)inlet_init,
    .tp_dealloc = (destructor)inlet_dealloc,
    .tp_methods = inlet_methods,
    .tp_members = inlet_members,
};
static PyMethodDef functions[] = {
    {"stereo", stereo, METH_VARARGS, stereo_doc},
    {"tables", tables, METH_VARARGS, tables_doc},
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_tape", "Recording, for every packet.", -1, functions, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__tape(void) {
    if (PyType_Ready(&InletType) < 0) return NULL;
    PyObject *module = PyModule_Create(&definition);
    if (module != NULL && PyModule_AddObjectRef(module, "Inlet", (PyObject *)&InletType) < 0) Py_CLEAR(module);
    return module;
}
