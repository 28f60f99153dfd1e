/* The product's version, e.g. "0.1.0". The one place that states it is VERSION in the Makefile. */
#ifndef TROUPE_BASE_VERSION_H
#define TROUPE_BASE_VERSION_H

#ifndef TROUPE_VERSION
#error "TROUPE_VERSION is set by the Makefile (-DTROUPE_VERSION)"
#endif

#endif
