"""Layer `django`: a view that takes and returns JSON, as in Django's documentation, on the layer `gunicorn`.

It adds routing, request and response objects, and two of the middlewares of a new project. It leaves out those that
need a database or a session, and validates nothing.
"""

import json

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"],
)


@csrf_exempt
@require_POST
def user(request: HttpRequest) -> HttpResponse:
    """Return a new User, made from the one in the body."""
    try:
        user = json.loads(request.body)
    except ValueError as why:
        return JsonResponse({"detail": str(why)}, status=400)
    return JsonResponse({"id": user["id"], "name": user["name"], "email": user["email"]})


urlpatterns = [path("", user)]
app = get_wsgi_application()
