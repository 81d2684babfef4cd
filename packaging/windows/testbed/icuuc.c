/* Test bed only: Wine 8 has no icuuc.dll, which Qt6Core imports. It knows no converter, so Qt uses its own. */
#define EXPORT __declspec(dllexport)

enum { NO_SUCH_FILE = 4 }; /* U_FILE_ACCESS_ERROR */

static long long refuse(int *error)
{
    if (error)
        *error = NO_SUCH_FILE;
    return 0;
}

/* Calls whose last argument is the error code; the position says which of the registers holds it. */
#define FAILS_AT_2(name) EXPORT long long name(void *a, int *e) { return refuse(e); }
#define FAILS_AT_3(name) EXPORT long long name(void *a, void *b, int *e) { return refuse(e); }
#define FAILS_AT_6(name) EXPORT long long name(void *a, void *b, void *c, void *d, void *f, int *e) { return refuse(e); }
#define FAILS_AT_8(name) \
    EXPORT long long name(void *a, void *b, void *c, void *d, void *f, void *g, int h, int *e) { return refuse(e); }
#define DOES_NOTHING(name) EXPORT long long name(void) { return 0; }

FAILS_AT_2(ucnv_open)
FAILS_AT_2(ucnv_getName)
FAILS_AT_3(ucnv_getStandardName)
FAILS_AT_2(ucnv_toUCountPending)
FAILS_AT_2(ucnv_fromUCountPending)
FAILS_AT_6(ucnv_setToUCallBack)
FAILS_AT_6(ucnv_setFromUCallBack)
FAILS_AT_8(ucnv_toUnicode)
FAILS_AT_8(ucnv_fromUnicode)
DOES_NOTHING(ucnv_close)
DOES_NOTHING(ucnv_reset)
DOES_NOTHING(ucnv_getMaxCharSize)
DOES_NOTHING(ucnv_getAvailableName)
DOES_NOTHING(ucnv_countAvailable)
DOES_NOTHING(ucnv_cbToUWriteUChars)
DOES_NOTHING(UCNV_FROM_U_CALLBACK_SUBSTITUTE)
DOES_NOTHING(UCNV_TO_U_CALLBACK_SUBSTITUTE)

EXPORT void ucnv_getToUCallBack(void *converter, void **action, const void **context)
{
    if (action)
        *action = 0;
    if (context)
        *context = 0;
}

EXPORT void ucnv_getFromUCallBack(void *converter, void **action, const void **context)
{
    ucnv_getToUCallBack(converter, action, context);
}
