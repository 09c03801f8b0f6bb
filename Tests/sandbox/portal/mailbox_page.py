"""The mailboxes of the local Microsoft cloud: read, write, drop, move, delete."""

import html
import math
from typing import Any

from flask import Flask, Response, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from sandbox.microsoft.graph_mail.mailbox import RECOVERABLE, ROOT, Mailbox
from sandbox.microsoft.graph_mail.mime import MimeError, parse
from sandbox.microsoft.graph_mail.model import EmailAddress, FileAttachment, Folder, Message
from sandbox.web.protection import mail_page

from .model import NotHere, PortalError, World

_ON_A_PAGE = 25
_FIRST = ('inbox', 'drafts', 'sentitems', 'archive', 'junkemail', 'deleteditems')


def add_mailboxes(app: Flask, world: World) -> None:
    """Add the mailboxes."""
    for add in (_add_folders, _add_message, _add_files, _add_write, _add_drop, _add_ordering):
        add(app, world)


def _add_folders(app: Flask, world: World) -> None:
    @app.get('/mailboxes')
    def mailboxes() -> str:
        owners = [each for each in world.cloud.directory.users if each.has_mailbox and each.enabled]
        return render_template('mailboxes.html', owners=[(each, _counts(world, each.user_principal_name)) for each in owners])

    @app.get('/mailboxes/<name>')
    def mailbox(name: str) -> str:
        box = _mailbox(world, name)
        folder = _folder(box, request.args.get('folder', 'inbox'))
        found = box.messages(folder.folder_id)
        pages = max(1, math.ceil(len(found) / _ON_A_PAGE))
        page = min(max(1, request.args.get('page', 1, int)), pages)
        return render_template(
            'mailbox.html',
            name=name,
            box=box,
            folder=folder,
            folders=_tree(box),
            found=found[(page - 1) * _ON_A_PAGE : page * _ON_A_PAGE],
            total=len(found),
            page=page,
            pages=pages,
        )


def _add_message(app: Flask, world: World) -> None:
    @app.get('/mailboxes/<name>/message')
    def message(name: str) -> str:
        box = _mailbox(world, name)
        found = _message(box)
        folder = box.folder(found.folder_id)
        return render_template('message.html', name=name, box=box, message=found, folder=folder, folders=_tree(box))

    @app.get('/mailboxes/<name>/body')
    def body(name: str) -> Response:
        found = _message(_mailbox(world, name))
        return mail_page(found.html or f'<div style="white-space:pre-wrap">{html.escape(found.text)}</div>')


def _add_files(app: Flask, world: World) -> None:
    @app.get('/mailboxes/<name>/attachment')
    def attachment(name: str) -> Response:
        found = _message(_mailbox(world, name)).attachment(request.args.get('attachment', ''))
        if not isinstance(found, FileAttachment):
            raise NotHere('There is no such file. Open the message again.')
        response = Response(found.content.chunks(), mimetype='application/octet-stream')
        response.headers.set('Content-Disposition', 'attachment', filename=found.name or 'attachment')
        return response

    @app.get('/owa/')
    def web_link() -> AnyResponse:
        """Return the link to an email that Microsoft Graph gives, and so the incident."""
        for each in world.cloud.directory.users:
            box = world.cloud.mailbox(each.user_principal_name) if each.has_mailbox else None
            found = box.message(request.args.get('ItemID', '')) if box else None
            if found:
                return redirect(url_for('message', name=each.user_principal_name, id=found.immutable_id))
        raise NotHere('The email of this link is gone, or was moved. Look for it in the mailbox.')


def _add_write(app: Flask, world: World) -> None:
    @app.post('/mailboxes/<name>/write')
    def write(name: str) -> AnyResponse:
        box = _mailbox(world, name)
        form = request.form
        address = form.get('from', '').strip()
        if '@' not in address:
            raise PortalError('The sender needs an email address. Enter one, such as eve@partner.example.')
        text = form.get('body', '').replace('\r\n', '\n')
        written = Message(
            form.get('subject', '').strip(),
            EmailAddress(form.get('from_name', '').strip() or address, address),
            box.now(),
            to=[box.owner],
            **{'html' if form.get('is_html') else 'plain': text},
        )
        for file in request.files.getlist('files'):
            if file.filename:
                box.attach_file(written, file.filename, file.read(), file.mimetype or 'application/octet-stream')
        return _arrived(box, name, [written])


def _add_drop(app: Flask, world: World) -> None:
    @app.post('/mailboxes/<name>/drop')
    def drop(name: str) -> AnyResponse:
        box = _mailbox(world, name)
        dropped = []
        for file in request.files.getlist('files'):
            if file.filename:
                try:
                    found = parse(file.read(), box.now())
                except MimeError as error:
                    raise PortalError(f'{file.filename} is not an email. {error} Choose an .eml file.') from None
                found.received = box.now()
                dropped.append(found)
        if not dropped:
            raise PortalError('No file was chosen. Choose one or more .eml files.')
        return _arrived(box, name, dropped)


def _arrived(box: Mailbox, name: str, messages: list[Message]) -> AnyResponse:
    folder = _folder(box, request.form.get('folder', 'inbox'))
    for each in messages:
        box.deliver(each, folder.folder_id)
    count = f'{len(messages)} emails' if len(messages) > 1 else repr(messages[0].subject)
    g.visit.messages.append(('success', f'{count} arrived in {folder.display_name}.'))
    return redirect(url_for('mailbox', name=name, folder=folder.folder_id), 303)


def _add_ordering(app: Flask, world: World) -> None:
    @app.post('/mailboxes/<name>/move')
    def move(name: str) -> AnyResponse:
        box = _mailbox(world, name)
        found, target = _message(box), _folder(box, request.form.get('target', ''))
        box.move(found, target.folder_id)
        g.visit.messages.append(('success', f'Moved to {target.display_name}.'))
        return redirect(url_for('message', name=name, id=found.immutable_id), 303)

    @app.post('/mailboxes/<name>/read')
    def mark_read(name: str) -> AnyResponse:
        box = _mailbox(world, name)
        found = _message(box)
        found.is_read = request.form.get('read') == 'true'
        box.touch(found)
        return redirect(url_for('message', name=name, id=found.immutable_id), 303)

    @app.post('/mailboxes/<name>/delete')
    def delete(name: str) -> AnyResponse:
        box = _mailbox(world, name)
        found = _message(box)
        folder_id = found.folder_id
        box.delete(found)
        g.visit.messages.append(('success', f'Deleted {found.subject!r}.'))
        return redirect(url_for('mailbox', name=name, folder=folder_id), 303)


def _counts(world: World, name: str) -> tuple[int, int]:
    """Return how many messages, and how many unread ones, an inbox has."""
    box = world.cloud.mailbox(name)
    return box.counts(_folder(box, 'inbox'))[1:]


def _mailbox(world: World, name: str) -> Mailbox:
    try:
        return world.cloud.mailbox(name)
    except LookupError:
        raise NotHere(f'There is no mailbox of {name!r}. Choose one of the list.') from None


def _folder(box: Mailbox, name: str) -> Folder:
    folder = box.folder(name)
    if not folder or folder.well_known_name in (ROOT, RECOVERABLE):
        raise NotHere('There is no such folder. Choose one of the list.')
    return folder


def _message(box: Mailbox) -> Message:
    found = box.message(request.values.get('id', ''))
    if not found:
        raise NotHere('This email is not there any more. Go back to its folder.')
    return found


def _tree(box: Mailbox) -> list[tuple[Folder, int, int, int]]:
    """Return the folders with their depth, their number of messages and of unread ones: the well-known ones first."""
    found: list[tuple[Folder, int, int, int]] = []

    def add(folders: list[Folder], depth: int) -> None:
        for each in folders:
            _, messages, unread = box.counts(each)
            found.append((each, depth, messages, unread))
            add(box.folders(each.folder_id), depth + 1)

    root: Any = box.folder(ROOT)
    order = {name: number for number, name in enumerate(_FIRST)}
    add(sorted(box.folders(root.folder_id), key=lambda each: order.get(each.well_known_name, len(order))), 0)
    return found
