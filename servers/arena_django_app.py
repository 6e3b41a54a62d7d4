"""Layer `arena-django`: the endpoints of the workloads `arena-...`, as Django's documentation writes them."""

import gzip
import json

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from servers.arena_data import ITEMS, LARGE, MUCH, STOCK, rows, totals

PIECE = 64 * 1024
settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"],
)


def plain(value: object) -> HttpResponse:
    """A plain-text answer."""
    return HttpResponse(str(value), content_type="text/plain")


@csrf_exempt
@require_http_methods(["GET", "POST"])
def baseline(request: HttpRequest) -> HttpResponse:
    """The sum of two query numbers, and of the number in a body."""
    total = int(request.GET["a"]) + int(request.GET["b"])
    if request.method == "POST":
        total += int(request.body)
    return plain(total)


@require_GET
def ok(_request: HttpRequest) -> HttpResponse:
    """The shortest answer."""
    return plain("ok")


@require_GET
def items(_request: HttpRequest) -> HttpResponse:
    """50 items, made for each request."""
    return JsonResponse({"items": totals(STOCK), "count": ITEMS})


@csrf_exempt
@require_POST
def upload(request: HttpRequest) -> HttpResponse:
    """The size of the body, which is read in pieces."""
    size = 0
    while piece := request.read(PIECE):
        size += len(piece)
    return plain(size)


@require_GET
def compression(_request: HttpRequest) -> HttpResponse:
    """1.1 MB of JSON, by gzip."""
    body = json.dumps({"items": totals(MUCH), "count": LARGE}).encode()
    headers = {"Content-Encoding": "gzip"}
    return HttpResponse(gzip.compress(body, 1, mtime=0), content_type="application/json", headers=headers)


@require_GET
def database(request: HttpRequest) -> HttpResponse:
    """Rows of a SQLite file."""
    found = rows(int(request.GET["low"]), int(request.GET["high"]))
    return JsonResponse({"items": found, "count": len(found)})


urlpatterns = [
    path("baseline", baseline),
    path("pipeline", ok),
    path("json", items),
    path("upload", upload),
    path("compression", compression),
    path("db", database),
]
app = get_wsgi_application()
